using ModelPort.Checkpoints;
using ModelPort.Diagnostics;
using ModelPort.Formats;
using ModelPort.Formats.Importance;
using ModelPort.Parity;

namespace ModelPort.Calibration;

/// <summary>What <c>Calibration</c> names: a text that an importance matrix is computed from, or a matrix that somebody computed before.</summary>
/// <param name="Path">The file.</param>
/// <param name="Name">Its name.</param>
/// <param name="Sha256">SHA-256 of its bytes, in lower-case hex.</param>
public abstract record CalibrationInput(string Path, string Name, string Sha256)
{
    /// <summary>The matrix, where it has not to be computed first.</summary>
    public virtual Importance? Importance => null;

    /// <summary>Reads the file that a request names: text by its extension (.txt), anything else as a matrix in GGUF or llama-imatrix's old format.</summary>
    /// <param name="request">The request.</param>
    /// <returns>The input; null when the request names none.</returns>
    /// <exception cref="ModelPortException">MP1002 to MP1009: the file is missing, cannot be read or is damaged.</exception>
    public static CalibrationInput? Open(PortRequest request)
    {
        if (request.Calibration is not { } path)
        {
            return null;
        }

        if (System.IO.Path.GetExtension(path).Equals(".txt", StringComparison.OrdinalIgnoreCase))
        {
            var text = EvaluationText.Open(path, "Calibration");
            return new CalibrationText(path, text.Name, text.Sha256, text.Text);
        }

        try
        {
            return new GivenMatrix(path, System.IO.Path.GetFileName(path), File.Exists(path) ? SourceHash.OfFile(path, CancellationToken.None) : "", ImportanceMatrix.Read(path));
        }
        catch (InvalidModelFileException e)
        {
            throw new ModelPortException(Diagnose.From(e, path), e);
        }
    }
}

/// <summary>A text to compute a matrix from.</summary>
/// <param name="Path">The file.</param>
/// <param name="Name">Its name.</param>
/// <param name="Sha256">SHA-256 of its bytes.</param>
/// <param name="Text">The text, read as UTF-8.</param>
public sealed record CalibrationText(string Path, string Name, string Sha256, string Text) : CalibrationInput(Path, Name, Sha256);

/// <summary>A matrix that was computed before.</summary>
/// <param name="Path">The file.</param>
/// <param name="Name">Its name.</param>
/// <param name="Sha256">SHA-256 of its bytes.</param>
/// <param name="Matrix">The matrix.</param>
public sealed record GivenMatrix(string Path, string Name, string Sha256, ImportanceMatrix Matrix) : CalibrationInput(Path, Name, Sha256)
{
    /// <inheritdoc/>
    public override Importance Importance => new(Name, Matrix);
}
