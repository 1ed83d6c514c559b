namespace ModelPort.Architectures;

/// <summary>A family that can be ported. The registry finds every implementation of this assembly, so that a new family is one new file.</summary>
internal interface IArchitecture
{
    /// <summary>The family's table.</summary>
    static abstract ArchitectureTable Table { get; }
}
