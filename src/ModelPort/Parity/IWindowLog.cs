namespace ModelPort.Parity;

/// <summary>Knows which windows were evaluated by a run that was broken off, and takes note of those that are. Called by several threads at once.</summary>
internal interface IWindowLog
{
    /// <summary>Whether the results of some windows are there already.</summary>
    bool Holds(int first, int count);

    /// <summary>Takes note that some windows are evaluated, and all their rows were read.</summary>
    void Done(int first, int count);
}
