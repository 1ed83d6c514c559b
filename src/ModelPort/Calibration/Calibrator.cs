using System.Globalization;
using ModelPort.Diagnostics;
using ModelPort.Engines;
using ModelPort.Engines.LlamaCpp;
using ModelPort.Formats.Importance;
using ModelPort.Parity;

namespace ModelPort.Calibration;

/// <summary>
/// Computes an importance matrix as llama-imatrix does: the text is tokenised once with special tokens added and cut into chunks without overlap, 512
/// tokens each, the first replaced by BOS where the model adds one; every chunk is evaluated by itself, and the inputs of all products with weights in the
/// blocks are summed. What is left over at the text's end is not used.
/// </summary>
/// <param name="request">Threads, and how much of the text is used.</param>
/// <param name="text">The text.</param>
/// <param name="observer">Told the tokens done.</param>
/// <param name="cancellation">Stops the work.</param>
internal sealed class Calibrator(PortRequest request, CalibrationText text, IPortObserver observer, CancellationToken cancellation)
{
    private const int DefaultChunk = 512;
    private const int FewestChunks = 2;
    private const int MicroBatchTokens = 512;

    /// <summary>Evaluates a model.</summary>
    /// <param name="modelPath">The source as GGUF at its own precision.</param>
    /// <param name="source">The source, for messages.</param>
    /// <param name="origin">What the matrix is to say it was computed from.</param>
    /// <param name="partial">Keeps the sums for a run that is broken off; null for nobody.</param>
    /// <exception cref="ModelPortException">MP1020: CalibrationTokens is too small; MP2020: an activation is not finite; MP2023: the text is too short; MP2025: llama.cpp cannot run the model.</exception>
    public ImportanceMatrix Run(string modelPath, string source, string origin, PartialSums? partial = null)
    {
        try
        {
            using var model = LlamaModel.Load(LlamaRuntime.Load(), modelPath, new LlamaModelOptions { CancellationToken = cancellation });
            var chunks = Cut(model);
            var collector = new ImportanceCollector(source);
            Evaluate(model, chunks, collector, partial);
            return new ImportanceMatrix
            {
                Entries = collector.Entries(),
                Datasets = [text.Name],
                ChunkCount = chunks.Count,
                ChunkSize = chunks.Length,
                Origin = origin,
            };
        }
        catch (EngineException e) when (e.Fault is EngineFault.ModelRefused or EngineFault.DecodeFailed or EngineFault.TokenizeFailed)
        {
            throw new ModelPortException(Diagnose.CalibrationFailed(source, e.Found, string.Join(" ", e.NativeLog)), e);
        }
        catch (EngineException e)
        {
            throw new ModelPortException(Diagnose.From(e, source), e);
        }
    }

    private TokenWindows Cut(LlamaModel model)
    {
        var vocabulary = model.Vocabulary;
        var length = request.Checkpoint.CalibrationWindow ?? Math.Min(DefaultChunk, Math.Max(model.TrainingContextLength, 1));
        var tokens = vocabulary.Tokenize(text.Text, addSpecial: true, parseSpecial: false);
        var chunks = TokenWindows.Cut(tokens, length, vocabulary.AddBos && vocabulary.Bos >= 0 ? vocabulary.Bos : null, request.Checkpoint.CalibrationTokens);
        if (chunks.Count >= FewestChunks)
        {
            return chunks;
        }

        throw new ModelPortException(tokens.Length >= FewestChunks * length
            ? Diagnose.InvalidOption(text.Path, "CalibrationTokens", request.Checkpoint.CalibrationTokens.ToString(CultureInfo.InvariantCulture), $"at least {FewestChunks * length}, for {FewestChunks} chunks of {length} tokens")
            : Diagnose.CalibrationTooShort(text.Path, tokens.Length, FewestChunks * length));
    }

    private void Evaluate(LlamaModel model, TokenWindows chunks, ImportanceCollector collector, PartialSums? partial)
    {
        var length = chunks.Length;
        using var context = new LlamaContext(model, new LlamaContextOptions
        {
            ContextLength = length,
            BatchSize = length,
            MicroBatchSize = Math.Min(MicroBatchTokens, length),
            // llama.cpp's threads wait for each other by spinning: more of them than cores never come to an end.
            Threads = Math.Min(request.Threads, Environment.ProcessorCount),
            Products = collector,
        });
        using var batch = new LlamaBatch(length);
        var done = partial?.Load(collector) ?? 0;
        if (done > 0)
        {
            observer.Detail(string.Create(CultureInfo.InvariantCulture, $"Going on with a calibration that was broken off: {done} of {chunks.Count} chunks are done"));
        }

        for (var i = done; i < chunks.Count; i++)
        {
            context.Clear();
            batch.Clear();
            for (var position = 0; position < length; position++)
            {
                // The last block works only for tokens whose logits are wanted.
                batch.Add(chunks[i][position], position, 0, wantLogits: true);
            }

            context.Decode(batch, cancellation);
            partial?.Save(collector, i + 1);
            observer.Progress(new PortProgress("calibrate", (i + 1L) * length, chunks.Tokens, "chunks of calibration text"));
        }
    }
}
