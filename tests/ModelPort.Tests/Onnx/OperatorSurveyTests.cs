using ModelPort.Engines;
using ModelPort.Engines.OnnxRuntime;
using ModelPort.Formats.Onnx;
using ModelPort.Parity.Outputs;
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

    // Null if all is as expected; else what is not, in few words that do not change with the machine.
    private static string? Run(string folder)
    {
        var path = Path.Combine(folder, "model.onnx");
        try
        {
            using var model = OnnxModel.Open(path);
            using var session = OnnxSession.Open(path, new OnnxSessionOptions { Threads = 1 });
            var types = model.Proto.Graph.Input.ToDictionary(input => input.Name, input => input.Type);
            var sets = Directory.GetDirectories(folder, "test_data_set_*");
            Assert.NotEmpty(sets);
            return sets.Select(set =>
            {
                var inputs = TestData.Read(set, "input", [.. session.Inputs.Select(input => types[input.Name])]);
                var expected = TestData.Read(set, "output", [.. model.Proto.Graph.Output.Select(output => output.Type)]);
                Assert.NotEmpty(expected);
                var actual = session.Run(session.Inputs.Zip(inputs).ToDictionary(pair => pair.First.Name, pair => pair.Second), [.. session.Outputs.Select(output => output.Name)], TestContext.Current.CancellationToken);
                return expected.Zip(session.Outputs, (value, output) => Compare(value, actual[output.Name])).FirstOrDefault(trouble => trouble is not null);
            }).FirstOrDefault(trouble => trouble is not null);
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

                TensorComparison comparison = new(AbsoluteTolerance, RelativeTolerance);
                comparison.Add(left, right);
                return comparison.Difference.OutsideTolerance == 0 ? null : "other values";
            default:
                return "a value of another kind";
        }
    }
}
