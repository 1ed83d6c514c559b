using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats;
using ModelPort.Formats.Importance;
using ModelPort.Manifests;
using ModelPort.Porting;

namespace ModelPort.Calibration;

/// <summary>
/// The stage that gives a port its importance matrix. One that is computed is kept beside the port's records and says what it was computed from, so that
/// it is computed again only when that has changed: not for another precision, nor for another evaluation.
/// </summary>
/// <param name="request">The request.</param>
/// <param name="input">What its Calibration names; null for nothing.</param>
/// <param name="engine">The engine.</param>
/// <param name="observer">Told progress.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class CalibrationStage(PortRequest request, CalibrationInput? input, EngineRecord engine, IPortObserver observer, CancellationToken cancellation)
{
    /// <summary>Whether a matrix has to be computed from a text.</summary>
    public bool IsComputed => input is CalibrationText;

    /// <summary>The matrix that was given; null when there is none, or it has to be computed.</summary>
    public Importance? Given => input is GivenMatrix given ? new Importance(given.Name, given.Matrix) : null;

    private string MatrixPath => Path.Combine(request.OutputDirectory, FileNameOf(request));

    /// <summary>The name of the file that a computed matrix is kept in.</summary>
    public static string FileNameOf(PortRequest request) => $"{request.Name}.imatrix.gguf";

    /// <summary>The key of the matrix; empty for none.</summary>
    public string Key(SourceHash source) => input switch
    {
        CalibrationText text => StageKeys.OfCalibration(source, text, request, engine),
        GivenMatrix given => given.Sha256,
        _ => "",
    };

    /// <summary>The matrix that an earlier run computed from the same source, text and options; null when there is none.</summary>
    /// <param name="source">The source.</param>
    /// <param name="earlier">What the earlier run recorded.</param>
    public Importance? Kept(SourceHash source, CalibrationRecord? earlier)
    {
        if (!File.Exists(MatrixPath) || (earlier is not null && earlier.FileSha256 != SourceHash.OfFile(MatrixPath, cancellation)))
        {
            return null;
        }

        try
        {
            var matrix = ImportanceMatrix.Read(MatrixPath);
            return matrix.Origin == Key(source) ? new Importance(FileNameOf(request), matrix) : null;
        }
        catch (InvalidModelFileException e)
        {
            observer.Detail($"The importance matrix of an earlier run cannot be used and is computed anew: {e.Message}");
            return null;
        }
    }

    /// <summary>Computes the matrix and keeps it.</summary>
    /// <param name="modelPath">The source as GGUF at its own precision.</param>
    /// <param name="source">The source's content.</param>
    /// <exception cref="ModelPortException">MP1020, MP2020, MP2023, MP2025: it cannot be computed; MP2001, MP2002: it cannot be written.</exception>
    public Importance Compute(string modelPath, SourceHash source)
    {
        var matrix = new Calibrator(request, (CalibrationText)input!, observer, cancellation).Run(modelPath, request.Source, Key(source));
        using var content = new MemoryStream();
        matrix.Write(content);
        OutputFile.WriteAll(MatrixPath, content.GetBuffer().AsSpan(0, (int)content.Length));
        return new Importance(FileNameOf(request), matrix);
    }

    /// <summary>What the manifest says of a matrix.</summary>
    public CalibrationRecord Record(Importance importance) => new(
        input!.Name,
        input.Sha256,
        importance.FileName,
        IsComputed ? SourceHash.OfFile(MatrixPath, cancellation) : input.Sha256,
        importance.Matrix.ChunkSize,
        importance.Matrix.ChunkCount,
        IsComputed ? LlamaRuntime.Load().CpuBackend : null,
        Coverage.Of(importance.Matrix));
}
