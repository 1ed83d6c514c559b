using ModelPort.Caching;
using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats;
using ModelPort.Formats.Importance;
using ModelPort.Manifests;
using ModelPort.Planning;
using ModelPort.Porting;

namespace ModelPort.Calibration;

/// <summary>
/// The stage that gives a port its importance matrix. One that is computed is kept beside the port's records and in the store, and says what it was computed
/// from, so that it is computed again only when that has changed: not for another precision, nor for another evaluation.
/// </summary>
internal sealed class CalibrationStage
{
    private const string ObjectName = "matrix";

    private readonly PortContext _context;
    private readonly PortPlan _plan;
    private readonly CalibrationInput? _input;

    /// <summary>Makes the stage; there is nothing to do where no output has a type that weighs its columns.</summary>
    public CalibrationStage(PortContext context, CalibrationInput? input, PortPlan plan)
    {
        _context = context;
        _plan = plan;
        _input = plan.Outputs.Any(ImportanceCheck.Weighs) ? input : null;
    }

    /// <summary>Whether the matrix is computed from a text.</summary>
    public bool IsComputed => _input is CalibrationText;

    /// <summary>The matrix that was given; null when there is none, or it is computed.</summary>
    public Importance? Given => _input?.Importance;

    /// <summary>What the matrix depends on beside the source; nothing for none.</summary>
    public IReadOnlyList<KeyPart> Parts => _input switch
    {
        CalibrationText text =>
        [
            new("Calibration", text.Sha256),
            // It is in the matrix, and in the header of the port.
            new("Calibration's name", text.Name),
            new("CalibrationTokens", StageKeys.Text(_context.Request.Checkpoint.CalibrationTokens)),
            new("CalibrationWindow", StageKeys.Text(_context.Request.Checkpoint.CalibrationWindow)),
            new("Calibration's engine", StageKeys.Engine(_context.Engine).Value),
            new("Calibration's CPU back-end", _context.CpuBackend),
        ],
        GivenMatrix given => [new("Calibration", given.Sha256), new("Calibration's name", given.Name)],
        _ => [],
    };

    private string MatrixPath => Path.Combine(_context.Request.OutputDirectory, FileNameOf(_context.Request));

    /// <summary>The name of the file that a computed matrix is kept in.</summary>
    public static string FileNameOf(PortRequest request) => $"{request.Name}.imatrix.gguf";

    /// <summary>The matrix that an earlier run computed from the same source, text and options, from beside the records or from the store; null when there is none.</summary>
    /// <param name="earlier">What the earlier run recorded, if it came so far.</param>
    /// <param name="source">The source's content, where it is known already.</param>
    public Importance? Kept(Manifest? earlier, SourceHash? source)
    {
        if (!IsComputed)
        {
            return null;
        }

        if (File.Exists(MatrixPath) && Beside(earlier, source ??= _context.Source.Require()) is { } kept)
        {
            return kept;
        }

        return source is not null && _context.TryTake(Key(source), ObjectName, MatrixPath) ? Read(source) : null;
    }

    /// <summary>Computes the matrix and keeps it.</summary>
    /// <param name="modelPath">The source as GGUF at its own precision.</param>
    /// <param name="source">The source's content.</param>
    /// <exception cref="ModelPortException">MP1020, MP2020, MP2023, MP2025: it cannot be computed; MP2001, MP2002: it cannot be written.</exception>
    public Importance Compute(string modelPath, SourceHash source)
    {
        var key = Key(source);
        var matrix = new Calibrator(_context.Request, (CalibrationText)_input!, _context.Observer, _context.Cancellation)
            .Run(modelPath, _context.Checkpoint.Folder, key.Value, new PartialSums(OutputFile.JournalNameOf(MatrixPath), new StageKey("partial sums", [new("matrix", key.Value), new("CPU back-end", _context.CpuBackend)]).Value));
        using var content = new MemoryStream();
        matrix.Write(content);
        OutputFile.WriteAll(MatrixPath, content.GetBuffer().AsSpan(0, (int)content.Length));
        _context.Keep(key, ObjectName, MatrixPath);
        return new Importance(FileNameOf(_context.Request), matrix);
    }

    /// <summary>What the manifest says of a matrix.</summary>
    public CalibrationRecord Record(Importance importance) => new(
        _input!.Name,
        _input.Sha256,
        importance.FileName,
        IsComputed ? SourceHash.OfFile(MatrixPath, _context.Cancellation) : _input.Sha256,
        importance.Matrix.ChunkSize,
        importance.Matrix.ChunkCount,
        IsComputed ? _context.CpuBackend : null,
        Coverage.Of(importance.Matrix));

    private StageKey Key(SourceHash source) => StageKeys.OfCalibration(StageKeys.OfModel(_plan, source), Parts);

    private Importance? Beside(Manifest? earlier, SourceHash source)
    {
        if (earlier?.Calibration is { } record && record.File == FileNameOf(_context.Request) && record.FileSha256 != SourceHash.OfFile(MatrixPath, _context.Cancellation))
        {
            _context.Observer.Detail("The importance matrix is not as the earlier run left it");
            return null;
        }

        return Read(source);
    }

    private Importance? Read(SourceHash source)
    {
        try
        {
            var matrix = ImportanceMatrix.Read(MatrixPath);
            return matrix.Origin == Key(source).Value ? new Importance(FileNameOf(_context.Request), matrix) : null;
        }
        catch (InvalidModelFileException e)
        {
            _context.Observer.Detail($"The importance matrix of an earlier run cannot be used: {e.Message}");
            return null;
        }
    }
}
