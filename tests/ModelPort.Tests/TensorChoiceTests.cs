using System.Collections.Immutable;
using CsCheck;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Gguf;
using ModelPort.Planning;
using ModelPort.Tests.Support;

namespace ModelPort.Tests;

/// <summary>What a user decides about tensor types, against llama.cpp's own quantiser with the same options: every type and every byte.</summary>
public sealed class TensorChoiceTests
{
    private static readonly string[] Names =
        ["token_embd.weight", "output.weight", .. Enumerable.Range(0, 12).SelectMany(b => new[] { "attn_q", "attn_v", "ffn_down", "ffn_up_exps" }.Select(n => $"blk.{b}.{n}.weight"))];

    public static TheoryData<string, string, string, bool, string, string> Cases() => new()
    {
        { "wordnet-llama-v1", "Q4_K_M", "attn_v=Q8_0;blk\\.[0-2]\\.ffn=Q5_K;ffn_down=Q3_K", false, "", "" },
        { "wordnet-llama-v1", "Q3_K_M", "", true, "", "" },
        { "wordnet-llama-v1", "Q4_K_S", "", false, "Q8_0", "" },
        { "wordnet-llama-v1", "Q5_K_M", "token=Q3_K", false, "Q8_0", "IQ4_XS" },
        { "wordnet-llama-v1", "Q2_K", "embd=Q5_1;(q|k)\\.weight$=F16", true, "Q8_0", "" },
        { "wordnet-llama-v1", "Q8_0", "^blk.*(gate|up)=Q4_0;.=BF16", false, "", "Q6_K" },
        { "llama3-rope", "Q4_K_M", "ffn_down=Q6_K;attn=IQ4_NL", false, "", "" },
        { "llama3-rope", "Q5_K_M", "", true, "", "" },
        { "mistral-spm", "Q4_0", "blk\\.1\\.=Q5_1", false, "Q4_1", "Q8_0" },
        { "mistral-spm", "IQ4_XS", "blk.(?!1).*_v=F32", true, "Q5_0", "" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_port_equals_what_llama_cpp_makes_with_the_same_options(string model, string precision, string list, bool pure, string output, string embedding)
    {
        var choice = new TensorChoice
        {
            Patterns = TensorPattern.ParseList(list, ""),
            Pure = pure,
            Output = output.Length == 0 ? null : TensorTypes.Parse(output, ""),
            Embedding = embedding.Length == 0 ? null : TensorTypes.Parse(embedding, ""),
        };
        using var folder = new TemporaryFolder();
        var source = Ports.Make(Repository.Checkpoint(model), "F32", folder.Path)["F32"];
        var port = Ports.Make(Repository.Checkpoint(model), precision, folder.Path, r => r.With(c => c with { Choice = choice }))[precision];
        LlamaFileQuantizer.Quantize(source, folder["theirs.gguf"], (int)Precision.All.First(p => p.Name == precision).FileType, Options(choice));
        GgufFiles.EqualTensors(folder["theirs.gguf"], port);
    }

    [Fact]
    public void A_pattern_is_found_in_the_names_in_which_llama_cpp_finds_it()
    {
        using var folder = new TemporaryFolder();
        ImmutableArray<(string, ImmutableArray<long>)> tensors = [.. Names.Select(n => (n, ImmutableArray.Create<long>(32, 2)))];
        ZeroModel.Write(folder["zero.gguf"], "llama", tensors, layers: 12);
        var recipe = new RecipeModel("llama", 12, 4, 4, HasOutput: true);
        var precision = Precision.All.Single(p => p.Name == "Q4_0");
        var used = 0;
        Pattern.Sample(
            text =>
            {
                TensorPattern pattern;
                try
                {
                    pattern = TensorPattern.ParseList($"{text}=Q8_0", "")[0];
                }
                catch (ModelPortException e) when (e.Diagnostic.Code == "MP1040")
                {
                    return;
                }

                Interlocked.Increment(ref used);
                var choice = new TensorChoice { Patterns = [pattern] };
                var theirs = folder[$"{Guid.NewGuid()}.gguf"];
                LlamaFileQuantizer.Quantize(folder["zero.gguf"], theirs, (int)precision.FileType, Options(choice));
                using var file = GgufShards.Open(theirs);
                var ours = new MixtureRecipe(precision, recipe, choice).Choose(tensors);
                Assert.Equal(file.Tensors.Select(t => $"{t.Name} {t.Type}").Order(StringComparer.Ordinal), Names.Select((n, i) => $"{n} {ours[i].Type}").Order(StringComparer.Ordinal));
            },
            iter: 300,
            threads: 1);
        Assert.InRange(used, 150, 300);
    }

    [Theory]
    [InlineData("attn_v", "there is no '='")]
    [InlineData("=Q8_0", "it is empty")]
    [InlineData("a(b=Q8_0", "Not enough )")]
    [InlineData("a[b=Q8_0", "'[' has no ']'")]
    [InlineData("a**=Q8_0", "Nested quantifier")]
    [InlineData("(?<=a)b=Q8_0", "'(?<' is no group of C++")]
    [InlineData("(?i)b=Q8_0", "'(?i' is no group of C++")]
    [InlineData("[[:alpha:]]=Q8_0", "inside []")]
    [InlineData("[a-z-[b]]=Q8_0", "inside []")]
    [InlineData("[]a]=Q8_0", "'[]' is empty in C++")]
    [InlineData("a{,2}=Q8_0", "'{' without a count")]
    [InlineData("^*a=Q8_0", "'*' repeats what takes no characters")]
    [InlineData("a(?=(b))+=Q8_0", "'+' repeats what takes no characters")]
    [InlineData("a{x=Q8_0", "'{' without a count")]
    [InlineData(@"\p{L}=Q8_0", @"'\p' means different things")]
    [InlineData(@"(a)\1=Q8_0", @"'\1' means different things")]
    [InlineData(@"[\b]=Q8_0", @"'\b' means different things")]
    [InlineData(@"a\=Q8_0", @"it ends in \")]
    public void A_pattern_that_cannot_be_used_is_refused(string list, string fault)
    {
        var error = Assert.Throws<ModelPortException>(() => TensorPattern.ParseList($"blk=Q8_0;{list}", "app.csproj")).Diagnostic;
        Assert.Equal(("MP1040", "app.csproj"), (error.Code, error.File));
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_backtracks_without_end_is_refused()
    {
        var pattern = TensorPattern.ParseList("^(([a-z0-9._])*)*!=Q8_0", "")[0];
        var error = Assert.Throws<ModelPortException>(() => pattern.Matches("blk.0.a_name_as_long_as_a_name_may_be_and_without_any_such_sign")).Diagnostic;
        Assert.Equal("MP1040", error.Code);
    }

    [Fact]
    public void A_type_whose_blocks_a_row_does_not_fill_falls_back_in_the_plan_where_llama_cpp_ends_the_process()
    {
        using var model = new DamagedCheckpoint("mistral-spm");
        model.Metadata["Precision"] = "Q8_0";
        model.Metadata["OutputPrecision"] = "Q6_K";
        model.Metadata["EmbeddingPrecision"] = "Q3_K";
        model.Metadata["TensorPrecision"] = "attn_v=IQ4_XS";
        using var checkpoint = Checkpoints.Checkpoint.Open(model.Model);
        var request = model.Request();
        var plan = Planner.Plan(checkpoint, request);
        Assert.Equal(
            [
                new("output.weight", GgmlType.Q6_K, GgmlType.Q8_0), new("token_embd.weight", GgmlType.Q3_K, GgmlType.Q4_0),
                .. Enumerable.Range(0, 3).Select(b => new Fallback($"blk.{b}.attn_v.weight", GgmlType.IQ4_XS, GgmlType.IQ4_NL)),
            ],
            plan.Outputs[0].Fallbacks);
        Assert.Equal(3, plan.Warnings.Count(w => w.Code == "MP2004"));
        Assert.Equal("OutputPrecision=Q6_K", plan.Outputs[0].Types[0].Why);

        model.Properties["StrictPrecision"] = "true";
        model.Refused("MP2008", model.Weights, "ModelPortStrictPrecision", "MP2004", "Q8_0 instead of Q6_K");
    }

    [Fact]
    public void Strictness_about_precision_lets_other_warnings_pass()
    {
        using var model = new DamagedCheckpoint("mistral-spm");
        using var checkpoint = Checkpoints.Checkpoint.Open(model.Model);
        model.Properties["StrictPrecision"] = "true";
        var plan = Planner.Plan(checkpoint, model.Request());
        Assert.Contains(plan.Warnings, w => w.Code == "MP1024");
    }

    [Theory]
    [InlineData("TensorPrecision", "expert=Q8_0", "'TensorPrecision expert=Q8_0' changes nothing: the model has no such tensor")]
    [InlineData("TensorPrecision", "_norm=Q8_0", "'blk.0.attn_norm.weight' and its like are never quantised")]
    [InlineData("TensorPrecision", "_v=Q8_0;attn_v=Q6_K", "'TensorPrecision attn_v=Q6_K' changes nothing: 'blk.0.attn_v.weight' has its type from TensorPrecision _v=Q8_0")]
    [InlineData("TensorPrecision", ".=Q8_0", "'OutputPrecision=Q5_0' changes nothing: 'token_embd.weight' has its type from TensorPrecision .=Q8_0")]
    public void An_option_that_changes_nothing_is_warned_of(string name, string value, string text)
    {
        using var model = new DamagedCheckpoint();
        using var checkpoint = Checkpoints.Checkpoint.Open(model.Model);
        model.Metadata[name] = value;
        model.Metadata["OutputPrecision"] = "Q5_0";
        var plan = Planner.Plan(checkpoint, model.Request());
        var warning = Assert.Single(plan.Warnings, w => w.Code == "MP1042");
        Assert.Equal(model.Project, warning.File);
        Assert.Contains(text, warning.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TensorPrecision", "a=Q4_K_M", "MP1041", "'Q4_K_M'", "Did you mean Q4_K?", "IQ4_NL")]
    [InlineData("OutputPrecision", "Q9_0", "MP1041", "'Q9_0'", "Q8_0")]
    [InlineData("EmbeddingPrecision", "12", "MP1041", "'12'", "Q8_0")]
    [InlineData("EmbeddingPrecision", "I8", "MP1041", "'I8'", "Q8_0")]
    [InlineData("Pure", "yes", "MP1020", "Pure", "'yes'")]
    public void A_value_that_means_nothing_is_refused(string name, string value, string code, params string[] texts)
    {
        using var model = new DamagedCheckpoint();
        model.Metadata[name] = value;
        model.Refused(code, model.Project, texts);
    }

    [Fact]
    public void Options_about_types_make_another_port_stale()
    {
        using var folder = new TemporaryFolder();
        var request = Ports.Request(Repository.Fixture("llama3-rope"), "Q4_K_M", folder.Path);
        Assert.True(Port(request).Ported);
        Assert.False(Port(request).Ported);
        foreach (var choice in new TensorChoice[]
        {
            new() { Patterns = TensorPattern.ParseList("_v=Q8_0", "") }, new() { Patterns = TensorPattern.ParseList("_v=Q8_0;_k=Q8_0", "") }, new() { Pure = true },
            new() { Output = GgmlType.Q5_0 }, new() { Embedding = GgmlType.Q5_0 },
        })
        {
            Assert.True(Port(request.With(c => c with { Choice = choice })).Ported, choice.Key);
        }
    }

    private static PortOutcome Port(PortRequest request) => PortPipeline.Run(request, new QuietObserver(), TestContext.Current.CancellationToken);

    internal static LlamaFileQuantizerOptions Options(TensorChoice choice) => new()
    {
        Threads = 1,
        Pure = choice.Pure,
        OutputType = (int?)choice.Output,
        EmbeddingType = (int?)choice.Embedding,
        TensorTypes = [.. choice.Patterns.Select(p => (p.Text, (int)p.Type))],
    };

    /// <summary>Expressions of all forms that are taken, and some that are not.</summary>
    private static Gen<string> Pattern => Piece.Array[1, 5].Select(pieces => string.Concat(pieces));

    private static Gen<string> Piece => Gen.Select(Atom, OneOf("", "", "", "", "?", "*", "+", "{2}", "{1,}", "{0,2}", "*?", "+?")).Select((atom, times) => atom + times);

    private static Gen<string> Atom => Gen.Frequency(
        (6, OneOf("blk", "attn", "ffn", "_", "e", "t", ".", "\\.", "weight", "1", "2")),
        (3, OneOf("\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B", "^", "$", "|")),
        (3, OneOf("[0-3]", "[^0-9]", "[\\d.]", "[a-f_]", "[^\\w]", "[q\\-v]", "[.]", "[^.]", "[\\]a]")),
        (2, OneOf("(q|v)", "(?:down|up)", "(?=a)", "(?!b)", "(attn|ffn)_", "(\\d|_e)+", "(|k)")),
        (1, OneOf("(?<n>a)", "[[:digit:]]", "\\x", "{", "(", "]", "}", "-", "[]a]", "\\1", "%")));

    private static Gen<string> OneOf(params string[] texts) => Gen.Int[0, texts.Length - 1].Select(i => texts[i]);
}
