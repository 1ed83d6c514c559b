using System.Collections.Immutable;
using ModelPort.Formats.Cards;

namespace ModelPort.Formats.Tests;

public sealed class ModelCardTests
{
    [Fact]
    public void Front_matter_is_read_in_all_its_forms()
    {
        ModelCard card = Open("""
            ---
            license: apache-2.0
            license_name: "Apache # 2"
            license_link: https://example.org/LICENSE
            language:
            - en
            - no
            tags: [a, 'b c']
            pipeline_tag: text-generation
            base_model:
            - org/base
            - name: other
              repo_url: https://example.org
            datasets: one/set
            model_name: Name
            author: ~
            model_creator: Someone
            version: 1.10
            ---
            # Title
            license: not this
            """);

        Assert.Equal(["apache-2.0"], card.Licenses);
        Assert.Equal("Apache # 2", card.LicenseName);
        Assert.Equal("https://example.org/LICENSE", card.LicenseLink);
        Assert.Equal(["en", "no"], card.Languages);
        Assert.Equal(["a", "b c"], card.Tags);
        Assert.Equal("text-generation", card.PipelineTag);
        Assert.Equal(["org/base"], card.BaseModels);
        Assert.Equal("https://example.org", card.Root.Members["base_model"].Items[1].Members["repo_url"].Text);
        Assert.Equal(["one/set"], card.Datasets);
        Assert.Equal("Name", card.ModelName);
        Assert.Equal("Someone", card.Author);
        Assert.Null(card.LibraryName);
        Assert.True(card.TryGetText(out string? version, "version"));
        Assert.Equal("1.10", version);
        Assert.True(card.TryGetTexts(out ImmutableArray<string> tags, "none", "tags") && tags.Length == 2);
        Assert.Equal(2, card.Root.Members["license"].Line);
    }

    [Theory]
    [InlineData("# Title\n---\nlicense: mit\n---\n")]
    [InlineData("")]
    [InlineData("---\n---\nText")]
    [InlineData("---\n# only a comment\n---\n")]
    public void A_file_without_front_matter_is_an_empty_card(string text)
    {
        ModelCard card = Open(text);
        Assert.Empty(card.Licenses);
        Assert.Empty(card.Root.Members);
    }

    [Fact]
    public void Windows_line_ends_tabs_and_a_byte_order_mark_are_tolerated() =>
        Assert.Equal(["x", "y"], Open("\uFEFF---\r\ntags:\r\n\t- x\r\n\t- y\r\n---\r\n").Tags);

    [Fact]
    public void A_license_may_be_a_list() => Assert.Equal(["mit", "cc0-1.0"], Open("---\nlicense:\n- mit\n- cc0-1.0\n---").Licenses);

    [Theory]
    [InlineData("---\nlicense: mit\n", FileFault.Malformed, "line 1")]
    [InlineData("---\nlicense: mit\ntags: [a\n---\n", FileFault.Malformed, "line")]
    [InlineData("---\na: b: c\n---\n", FileFault.Malformed, "line 2")]
    [InlineData("---\n- a\n- b\n---\n", FileFault.Malformed, "line 2")]
    [InlineData("---\njust text\n---\n", FileFault.Malformed, "line 2")]
    [InlineData("---\na: 1\nb: 2\na: 3\n---\n", FileFault.Duplicate, "line 4")]
    [InlineData("---\na: *unknown\n---\n", FileFault.Malformed, "line 2")]
    [InlineData("---\na: 1\n...\nb: 2\n---\n", FileFault.Malformed, "line")]
    [InlineData("---\n? [x]\n: 1\n---\n", FileFault.Malformed, "line 2")]
    [InlineData("---\npipeline_tag: [a, b]\n---\n", FileFault.Malformed, "line 2")]
    public void Broken_front_matter_is_refused_with_its_line(string text, FileFault fault, string place) =>
        Faults.Expect(fault, () => Open(text), null, place);

    [Fact]
    public void Nesting_and_aliases_cost_no_more_than_their_text()
    {
        Faults.Expect(FileFault.TooLarge, () => Open($"---\na: {new string('[', 50_000)}\n---\n"));
        string bomb = "---\na0: &a0 [x, x]\n" + string.Concat(Enumerable.Range(1, 60).Select(i => $"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n")) + "---\n";
        Assert.Equal(61, Open(bomb).Root.Members.Count);
        Faults.Expect(FileFault.Malformed, () => Open("---\na: &a [*a]\n---\n"));
    }

    [Fact]
    public void Random_damage_is_refused_or_harmless()
    {
        byte[] card = """
            ---
            license: [mit, "x"]
            tags: &t
            - a
            - 'b'
            other: *t
            text: |
              line
              line
            map: {k: v, "q\u0041": !!str 1}
            ---
            # Title
            """u8.ToArray();
        Damage.NeverSurprises(card, card.Length, path => ModelCard.Open(path), 4000);
    }

    private static ModelCard Open(string text)
    {
        using TempFolder folder = new();
        return ModelCard.Open(folder.Write("README.md", text));
    }
}
