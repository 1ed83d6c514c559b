namespace ModelPort.Engines;

/// <summary>What went wrong in an engine, in the terms a caller can act on.</summary>
public enum EngineFault
{
    /// <summary>A native library or its folder is not where it should be.</summary>
    LibraryMissing,

    /// <summary>A native library is there but cannot be used: not a library, another version, another layout.</summary>
    LibraryWrong,

    /// <summary>The engine is already loaded in this process, from another folder or with another back-end.</summary>
    AlreadyLoaded,

    /// <summary>No native library is carried for this operating system and processor, or this processor lacks what one needs.</summary>
    PlatformUnsupported,

    /// <summary>The engine refuses the model file, or the model cannot do what was asked of it.</summary>
    ModelRefused,

    /// <summary>The engine could not get the memory it needs.</summary>
    OutOfMemory,

    /// <summary>Text could not be turned into tokens, or tokens into text.</summary>
    TokenizeFailed,

    /// <summary>A batch could not be evaluated.</summary>
    DecodeFailed,

    /// <summary>A file or row could not be quantised.</summary>
    QuantizeFailed,

    /// <summary>The engine has no implementation of an operator for the types that the model gives it.</summary>
    OperatorUnsupported,

    /// <summary>What was handed to a model is not what its inputs ask for.</summary>
    InputRefused,

    /// <summary>A model that was accepted failed while it ran.</summary>
    RunFailed,
}
