using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats;
using ModelPort.Formats.Importance;
using ModelPort.Manifests;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Calibration;

/// <summary>
/// The stage that gives a port its importance matrix. One that is computed is kept beside the port's records and says what it was computed from, so that
/// it is computed again only when that has changed: not for another precision, nor for another evaluation.
/// </summary>
internal sealed class CalibrationStage
{
    private readonly PortRequest _request;
    private readonly PortPlan _plan;
    private readonly CalibrationInput? _input;
    private readonly EngineRecord _engine;
    private readonly IPortObserver _observer;
    private readonly CancellationToken _cancellation;

    /// <summary>Makes the stage; there is nothing to do where no output has a type that weighs its columns.</summary>
    public CalibrationStage(PortRequest request, CalibrationInput? input, PortPlan plan, EngineRecord engine, IPortObserver observer, CancellationToken cancellation)
    {
        _request = request;
        _plan = plan;
        _input = plan.Outputs.Any(ImportanceCheck.Weighs) ? input : null;
        _engine = engine;
        _observer = observer;
        _cancellation = cancellation;
    }

    /// <summary>Whether the matrix is computed from a text.</summary>
    public bool IsComputed => _input is CalibrationText;

    /// <summary>The matrix that was given; null when there is none, or it is computed.</summary>
    public Importance? Given => _input?.Importance;

    private string MatrixPath => Path.Combine(_request.OutputDirectory, FileNameOf(_request));

    /// <summary>The name of the file that a computed matrix is kept in.</summary>
    public static string FileNameOf(PortRequest request) => $"{request.Name}.imatrix.gguf";

    /// <summary>The key of the matrix; empty for none.</summary>
    public string Key(SourceHash source) => _input switch
    {
        CalibrationText text => StageKeys.OfCalibration(source, text, _request, _engine),
        GivenMatrix given => given.Sha256,
        _ => "",
    };

    /// <summary>The matrix that an earlier run computed from the same source, text and options; null when there is none.</summary>
    /// <param name="earlier">What the earlier run recorded, if it came so far.</param>
    /// <param name="source">The source's content, where it is known already.</param>
    public Importance? Kept(Manifest? earlier, SourceHash? source)
    {
        if (!IsComputed || !File.Exists(MatrixPath))
        {
            return null;
        }

        if (earlier?.Calibration is { } record && record.File == FileNameOf(_request) && record.FileSha256 != SourceHash.OfFile(MatrixPath, _cancellation))
        {
            _observer.Detail("The importance matrix is not as the earlier run left it, and is computed anew");
            return null;
        }

        try
        {
            var matrix = ImportanceMatrix.Read(MatrixPath);
            source ??= SourceHash.Compute(_plan.Checkpoint.Files, _request.Threads, _observer, _cancellation);
            return matrix.Origin == Key(source) ? new Importance(FileNameOf(_request), matrix) : null;
        }
        catch (InvalidModelFileException e)
        {
            _observer.Detail($"The importance matrix of an earlier run cannot be used, and is computed anew: {e.Message}");
            return null;
        }
    }

    /// <summary>Computes the matrix and keeps it.</summary>
    /// <param name="modelPath">The source as GGUF at its own precision.</param>
    /// <param name="source">The source's content.</param>
    /// <exception cref="ModelPortException">MP1020, MP2020, MP2023, MP2025: it cannot be computed; MP2001, MP2002: it cannot be written.</exception>
    public Importance Compute(string modelPath, SourceHash source)
    {
        var matrix = new Calibrator(_request, (CalibrationText)_input!, _observer, _cancellation).Run(modelPath, _plan.Checkpoint.Folder, Key(source));
        using var content = new MemoryStream();
        matrix.Write(content);
        OutputFile.WriteAll(MatrixPath, content.GetBuffer().AsSpan(0, (int)content.Length));
        return new Importance(FileNameOf(_request), matrix);
    }

    /// <summary>What the manifest says of a matrix.</summary>
    public CalibrationRecord Record(Importance importance) => new(
        _input!.Name,
        _input.Sha256,
        importance.FileName,
        IsComputed ? SourceHash.OfFile(MatrixPath, _cancellation) : _input.Sha256,
        importance.Matrix.ChunkSize,
        importance.Matrix.ChunkCount,
        IsComputed ? LlamaRuntime.Load().CpuBackend : null,
        Coverage.Of(importance.Matrix));
}
