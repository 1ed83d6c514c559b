namespace ModelPort.Parity.Serving;

/// <summary>Turns of a source and a port, so that what slows the machine slows both.</summary>
internal static class Turns
{
    /// <summary>One turn of each. Who goes first changes from turn to turn, so that neither always runs on a processor that the other has warmed.</summary>
    /// <param name="turn">The number of the turn.</param>
    /// <param name="source">The source.</param>
    /// <param name="port">The port.</param>
    /// <param name="run">What a turn is.</param>
    public static (T Source, T Port) Of<TModel, T>(int turn, TModel source, TModel port, Func<TModel, T> run) => turn % 2 == 0 ? (run(source), run(port)) : Swapped(run(port), run(source));

    private static (T Source, T Port) Swapped<T>(T port, T source) => (source, port);
}
