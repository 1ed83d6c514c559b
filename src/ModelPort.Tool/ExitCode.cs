using ModelPort.Diagnostics;

namespace ModelPort.Tool;

/// <summary>What the tool's exit codes mean.</summary>
internal static class ExitCode
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int BudgetMissed = 3;

    /// <summary>Usage for options and requests that mean nothing, failed for everything else.</summary>
    public static int Of(Diagnostic error) => error.Code is "MP1018" or "MP1019" or "MP1020" or "MP1040" or "MP1041" or "MP1044" or "MP5048" or "MP9009" ? Usage : Failed;
}
