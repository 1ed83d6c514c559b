using ModelPort.Diagnostics;
using Spectre.Console;

namespace ModelPort.Tool;

/// <summary>Runs a command for a person: progress on a terminal, silence in a pipe, every error one coded line on standard error.</summary>
internal static class ConsoleRun
{
    /// <summary>Runs the work and turns exceptions into exit codes.</summary>
    /// <remarks>On a thread of its own: Ctrl-C is listened for only while the command is awaited.</remarks>
    public static Task<int> Execute(Func<int> work) => Task.Run(() =>
    {
        try
        {
            return work();
        }
        catch (Exception e)
        {
            var diagnostic = Diagnose.From(e, "");
            Console.Error.WriteLine(diagnostic);
            return ExitCode.Of(diagnostic);
        }
    });

    /// <summary>Runs work that reports progress.</summary>
    public static T WithProgress<T>(Func<IPortObserver, T> work)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        if (Console.IsErrorRedirected || !console.Profile.Capabilities.Interactive)
        {
            return work(new TextObserver());
        }

        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context => work(new BarObserver(context)));
    }

    /// <summary>Warnings as lines, nothing else.</summary>
    private class TextObserver : IPortObserver
    {
        public void Warn(Diagnostic warning) => Console.Error.WriteLine(warning);

        public virtual void Progress(PortProgress progress)
        {
        }

        public void Detail(string text)
        {
        }
    }

    /// <summary>A bar for each stage: bytes for the port, tokens for parity, questions for tasks, turns for serving.</summary>
    private sealed class BarObserver(ProgressContext context) : TextObserver
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, ProgressTask> _bars = [];

        public override void Progress(PortProgress progress)
        {
            lock (_lock)
            {
                if (!_bars.TryGetValue(progress.Stage, out var bar))
                {
                    bar = _bars[progress.Stage] = context.AddTask(progress.Stage, maxValue: progress.Total);
                }

                bar.Value = progress.Done;
                var unit = progress.Stage switch
                {
                    "parity" or "sensitivity" or "attribution" => $"{progress.Done} of {progress.Total} tokens",
                    "errors" => $"{progress.Done} of {progress.Total} values",
                    "serving" => $"{progress.Done} of {progress.Total} turns",
                    "tasks" => $"{progress.Done} of {progress.Total} questions",
                    _ => $"{Sizes.Bytes(progress.Done)} of {Sizes.Bytes(progress.Total)}",
                };
                bar.Description = $"{progress.Stage} {Markup.Escape(progress.Text)} ({unit})";
            }
        }
    }
}
