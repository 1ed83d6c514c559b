using System.CommandLine;
using ModelPort.Benchmarks;

// What is measured is the work, and never what another run has left in the user's cache.
Environment.SetEnvironmentVariable(ModelPort.Caching.StoreSettings.Variable, ModelPort.Caching.StoreSettings.None);

// One verb a file: each class builds its own command.
var root = new RootCommand("Measures ModelPort. Run it in Release on a quiet machine.")
{
    KernelsBenchmark.Command(),
    KernelsCheck.Command(),
    SyntheticCheckpoint.Command(),
    PortBenchmark.AgainstCopy(),
    PortBenchmark.AgainstLlama(),
    ParityBenchmark.Command(),
    StoreBenchmark.Command(),
    NoOpBuildBenchmark.Command(),
    KillBenchmark.Command(),
    PackBenchmark.Command(),
    ConsumeBenchmark.Command(),
    OnnxInt8Benchmark.Command(),
    OnnxCalibrationBenchmark.Command(),
    OnnxLargeBenchmark.Command(),
};
return root.Parse(args).Invoke();
