using Xunit.Sdk;
using Xunit.v3;

// Threads of llama.cpp wait by spinning: tests at once would only take each other's cores.
[assembly: Parallelization(Mode = ParallelMode.None)]
