using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Onnx.Opsets;
using ModelPort.Tests.Support;

namespace ModelPort.Tests.Onnx;

/// <summary>
/// Every model of the ONNX project's operator tests: read and written, and run. What ONNX Runtime does not run, or runs to other values than the tests expect,
/// stands by name in tests/Fixtures/onnx/operator-survey.txt; a name that is missing there or need not be there fails the test.
/// </summary>
public sealed class OperatorSurveyTests
{
    // Those of the ONNX project's own test runner.
    private const double RelativeTolerance = 1e-3;
    private const double AbsoluteTolerance = 1e-7;

    // What these give is not compared: that it is like the expected by chance must not fail the test.
    private static readonly HashSet<string> RandomOperators = new(["Bernoulli", "RandomUniformLike"], StringComparer.Ordinal);

    private const string OtherValues = "other values";
    private const string NeedsLocale = "needs the locale en_US.UTF-8";

    private static readonly string Survey = Path.Combine(Repository.Root, "tests", "Fixtures", "onnx", "operator-survey.txt");

    [Fact]
    public void Every_model_is_written_as_it_was_read()
    {
        Assert.SkipUnless(Directory.Exists(TestData.Root), TestData.Missing);
        var folders = TestData.Folders();
        Assert.Equal(1072, folders.Length);
        Assert.All(folders, folder =>
        {
            var path = Path.Combine(folder, "model.onnx");
            using var model = OnnxModel.Open(path);
            using MemoryStream written = new();
            model.Lay().WriteModel(written);
            Assert.Equal(File.ReadAllBytes(path), written.ToArray());
        });
    }

    [Fact]
    public void Every_model_that_ONNX_Runtime_runs_gives_what_is_expected()
    {
        Assert.SkipUnless(Directory.Exists(TestData.Root), TestData.Missing);
        var found = new string?[TestData.Folders().Length];
        Parallel.ForEach(TestData.Folders(), new ParallelOptions { MaxDegreeOfParallelism = 2 }, (folder, _, i) =>
        {
            if (Run(folder) is { } trouble)
            {
                found[i] = $"{Path.GetFileName(folder)}: {trouble}";
            }
        });
        // A machine without that locale cannot run the tests of StringNormalizer; on others they pass.
        var locale = found.OfType<string>().Where(trouble => trouble.EndsWith(NeedsLocale, StringComparison.Ordinal)).ToArray();
        Assert.All(locale, trouble => Assert.StartsWith("test_strnorm", trouble, StringComparison.Ordinal));
        string[] troubles = [.. found.OfType<string>().Except(locale).Order(StringComparer.Ordinal)];
        Assert.Equal(File.ReadAllLines(Survey).Where(line => line.Length > 0 && line[0] != '#').Order(StringComparer.Ordinal), troubles);
    }

    // The one use that has no rule: Resize of version 10 to scales that are computed.
    [Theory]
    [InlineData(13, "Resize")]
    [InlineData(21, "Resize")]
    public void Every_model_gives_the_same_at_a_newer_operator_set(long opset, string withoutRule)
    {
        Assert.SkipUnless(Directory.Exists(TestData.Root), TestData.Missing);
        using TemporaryFolder scratch = new();
        var known = File.ReadAllLines(Survey).Select(line => line.Split(':')[0]).ToHashSet(StringComparer.Ordinal);
        var folders = TestData.Folders().Where(folder => !known.Contains(Path.GetFileName(folder))).ToArray();
        var missing = new string?[folders.Length];
        var troubles = new string?[folders.Length];
        var upgraded = 0;
        Parallel.ForEach(folders, new ParallelOptions { MaxDegreeOfParallelism = 2 }, (folder, _, i) =>
        {
            using var model = OnnxModel.Open(Path.Combine(folder, "model.onnx"));
            var version = model.Bodies()[0].Opset(Domains.Standard) ?? opset;
            if (version < OpsetUpgrade.Oldest || version >= opset)
            {
                return;
            }

            try
            {
                OpsetUpgrade.Run(model, opset);
            }
            catch (ModelPortException e) when (e.Diagnostic.Code == "MP2070")
            {
                missing[i] = e.Diagnostic.Message.Split(' ')[2];
                return;
            }
            catch (EngineException e) when (e.Message.Contains("en_US.UTF-8", StringComparison.Ordinal))
            {
                return;
            }

            var path = Path.Combine(scratch.Path, $"{i}.onnx");
            model.Save(path);
            Interlocked.Increment(ref upgraded);
            troubles[i] = Run(folder, path) is { } trouble and not NeedsLocale ? $"{Path.GetFileName(folder)}: {trouble}" : null;
        });
        Assert.Equal([], troubles.OfType<string>());
        Assert.Equal(withoutRule, string.Join(' ', missing.OfType<string>().Distinct().Order(StringComparer.Ordinal)));
        Assert.True(upgraded > (opset == 13 ? 150 : 800), $"{upgraded} models were upgraded.");
    }

    // Null if all is as expected; else what is not, in few words that do not change with the machine.
    private static string? Run(string folder, string? other = null)
    {
        var path = other ?? Path.Combine(folder, "model.onnx");
        try
        {
            using var model = OnnxModel.Open(path);
            using var session = OnnxSession.Open(path, new OnnxSessionOptions { Threads = 1 });
            var types = model.Proto.Graph.Input.ToDictionary(input => input.Name, input => input.Type);
            var sets = Directory.GetDirectories(folder, "test_data_set_*");
            Assert.NotEmpty(sets);
            var isRandom = model.Bodies().SelectMany(body => body.Nodes).Any(node => RandomOperators.Contains(node.OpType));
            var trouble = sets.Select(set =>
            {
                var inputs = TestData.Read(set, "input", [.. session.Inputs.Select(input => types[input.Name])]);
                var expected = TestData.Read(set, "output", [.. model.Proto.Graph.Output.Select(output => output.Type)]);
                Assert.NotEmpty(expected);
                var actual = session.Run(session.Inputs.Zip(inputs).ToDictionary(pair => pair.First.Name, pair => pair.Second), [.. session.Outputs.Select(output => output.Name)], TestContext.Current.CancellationToken);
                return expected.Zip(session.Outputs, (value, output) => Compare(value, actual[output.Name])).FirstOrDefault(found => found is not null);
            }).FirstOrDefault(found => found is not null);
            return isRandom && trouble is null or OtherValues ? "random numbers" : trouble;
        }
        catch (EngineException e)
        {
            return e.Message.Contains("en_US.UTF-8", StringComparison.Ordinal) ? NeedsLocale : Words(e);
        }
        catch (NotSupportedException e)
        {
            return e.Message;
        }
    }

    private static string Words(EngineException e) => e.Fault switch
    {
        EngineFault.OperatorUnsupported => "no implementation",
        EngineFault.ModelRefused => "refused",
        EngineFault.InputRefused => "other inputs",
        _ => "failed",
    };

    private static string? Compare(EngineValue expected, EngineValue actual)
    {
        switch (expected, actual)
        {
            case (EngineSequence left, EngineSequence right):
                return left.Items.Count != right.Items.Count
                    ? $"{right.Items.Count} items instead of {left.Items.Count}"
                    : left.Items.Zip(right.Items, Compare).FirstOrDefault(trouble => trouble is not null);
            case (EngineTensor left, EngineTensor right):
                if (left.Type != right.Type || !left.Shape.SequenceEqual(right.Shape))
                {
                    return $"{right} instead of {left}";
                }

                if (left.Type == TensorType.String)
                {
                    return left.Strings.SequenceEqual(right.Strings) ? null : "other strings";
                }

                return ExpectedOutput.Matches(left, right, AbsoluteTolerance, RelativeTolerance) ? null : OtherValues;
            default:
                return "a value of another kind";
        }
    }
}
