using System.CommandLine;
using ModelPort.Benchmarks;

// One verb a file: each class builds its own command.
var root = new RootCommand("Measures ModelPort. Run it in Release on a quiet machine.")
{
    KernelsBenchmark.Command(),
    KernelsCheck.Command(),
    SyntheticCheckpoint.Command(),
    PortBenchmark.AgainstCopy(),
    PortBenchmark.AgainstLlama(),
    ParityBenchmark.Command(),
    NoOpBuildBenchmark.Command(),
    KillBenchmark.Command(),
};
return root.Parse(args).Invoke();
