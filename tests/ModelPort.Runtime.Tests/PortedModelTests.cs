namespace ModelPort.Runtime.Tests;

public sealed class PortedModelTests(Sample sample)
{
    [Fact]
    public void A_model_is_found_by_its_name_from_any_working_directory()
    {
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = Path.GetTempPath();
        try
        {
            PortedModel model = PortedModels.Get("WordNet-Llama");
            Assert.Equal("wordnet-llama", model.Name);
            Assert.Equal(sample.Folder, model.Folder);
            Assert.Equal("LlamaForCausalLM", model.Architecture);
            Assert.StartsWith("llama.cpp ", model.Engine, StringComparison.Ordinal);
            Assert.Equal(["Q8_0", "Q4_K_M"], model.Files.Select(f => f.Precision));
            Assert.Contains(PortedModels.All(), m => m.Name == model.Name);
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    [Fact]
    public void A_file_says_what_was_measured_of_it()
    {
        PortedFile file = PortedModels.Get("wordnet-llama").File("q4_k_m");
        Assert.Equal("kept", file.Verdict);
        Assert.True(file.Metric("meanDivergence") > 0);
        Assert.Null(file.Metric("accuracy"));
        PortedMetric perplexity = Assert.Single(file.Metrics, m => m is { Name: "perplexity", Of: "source" });
        Assert.True(perplexity.Value > 1 && perplexity.Error > 0);
        using FileStream stream = file.OpenRead();
        byte[] magic = new byte[4];
        stream.ReadExactly(magic);
        Assert.Equal("GGUF"u8.ToArray(), magic);
    }

    [Fact]
    public void A_file_is_read_once_and_remembered_by_later_processes()
    {
        PortedModel model = PortedModels.In(sample.Copy("remembered"));
        int before = ContentCheck.FilesRead;
        model.Verify();
        Assert.Equal(before + 2, ContentCheck.FilesRead);
        model.Verify();
        Assert.Equal(before + 2, ContentCheck.FilesRead);

        // What a later process knows is what lies in the folder.
        ContentCheck.Forget();
        model.Verify();
        Assert.Equal(before + 2, ContentCheck.FilesRead);

        Directory.Delete(ContentCheck.MemoryFolder!, recursive: true);
        ContentCheck.Forget();
        model.Verify();
        Assert.Equal(before + 4, ContentCheck.FilesRead);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5000)]
    [InlineData(-1)]
    public void A_flipped_bit_is_found_even_in_a_file_that_was_verified_before(int position)
    {
        PortedModel model = PortedModels.In(sample.Copy("flipped"));
        model.Verify();
        string path = model.File("Q8_0").Path;
        byte[] bytes = File.ReadAllBytes(path);
        bytes[position < 0 ? ^1 : position] ^= 4;
        File.WriteAllBytes(path, bytes);
        PortedModelException error = Assert.Throws<PortedModelException>(model.Verify);
        Assert.Equal(("MP5004", path), (error.Code, error.File));
    }

    [Fact]
    public void A_missing_or_shorter_file_is_named()
    {
        PortedModel model = PortedModels.In(sample.Copy("parts"));
        string path = model.File("Q8_0").Path;
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..1000]);
        Assert.Equal("MP5004", Assert.Throws<PortedModelException>(model.Verify).Code);
        File.Delete(path);
        PortedModelException missing = Assert.Throws<PortedModelException>(() => model.File("Q8_0").VerifiedPath());
        Assert.Equal(("MP5003", path), (missing.Code, missing.File));
        Assert.Contains("Build again", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_is_not_there_is_an_error_that_says_where_it_was_looked_for()
    {
        PortedModelException error = Assert.Throws<PortedModelException>(() => PortedModels.Get("nobody"));
        Assert.Equal("MP5001", error.Code);
        Assert.Contains(sample.Models, error.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(AppContext.BaseDirectory, "models"), error.Message, StringComparison.Ordinal);
        Assert.Contains("wordnet-llama", error.Message, StringComparison.Ordinal);
        Assert.Equal("MP5005", Assert.Throws<PortedModelException>(() => PortedModels.Get("wordnet-llama").File()).Code);
        Assert.Equal("MP5005", Assert.Throws<PortedModelException>(() => PortedModels.Get("wordnet-llama").File("F64")).Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1]")]
    [InlineData("""{"name":"x"}""")]
    [InlineData("""{"name":"x","source":{"architecture":"a","parameters":1,"sha256":"0"},"engine":{"name":"e","version":"1"},"outputs":[{"files":[],"precision":"F32","verdict":"kept","metrics":[]}]}""")]
    [InlineData("""{"name":"x","source":{"architecture":"a","parameters":1,"sha256":"0"},"engine":{"name":"e","version":"1"},"outputs":[{"files":[{"name":"../../etc/passwd","bytes":1,"sha256":"0"}],"precision":"F32","verdict":"kept","metrics":[]}]}""")]
    [InlineData("""{"name":"x","source":{"architecture":"a","parameters":1,"sha256":"0"},"engine":{"name":"e","version":"1"},"outputs":[{"files":[{"name":"f","bytes":1,"sha256":"0"}],"precision":"F32","verdict":"kept","metrics":[{"name":"n","of":"port","value":"much"}]}]}""")]
    public void A_manifest_that_is_none_is_an_error_at_that_file(string content)
    {
        string folder = Directory.CreateTempSubdirectory("modelport-manifest-").FullName;
        try
        {
            string path = Path.Combine(folder, PortedModel.ManifestName);
            File.WriteAllText(path, content);
            PortedModelException error = Assert.Throws<PortedModelException>(() => PortedModels.In(folder));
            Assert.Equal(("MP5002", path), (error.Code, error.File));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
