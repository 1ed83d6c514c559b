using System.Globalization;
using System.Xml.Linq;
using ModelPort.Manifests;
using ModelPort.Parity;
using ModelPort.Parity.Attribution;

namespace ModelPort.Reports;

/// <summary>The drawings of a report, as inline SVG.</summary>
internal static class Charts
{
    private const int Width = 640;
    private const int Height = 250;
    private const int Left = 56;
    private const int Right = 20;
    private const int Top = 30;
    private const int Bottom = 44;

    /// <summary>Positions by the size of their divergence, on a logarithmic axis, with mean and 99 % line.</summary>
    /// <param name="histogram">The bins.</param>
    /// <param name="mean">The mean, in nats.</param>
    /// <param name="high">What 99 % of the positions stay below.</param>
    public static XElement Divergence(DivergenceHistogram histogram, double mean, double high)
    {
        var counts = histogram.Counts;
        var most = Math.Max(1, counts.Max());
        var bar = (double)(Width - Left - Right) / counts.Count;
        double At(double bin) => Left + bin * bar;
        double Place(double divergence) => At(Math.Clamp((Math.Log10(Math.Max(divergence, double.Epsilon)) - histogram.LowestExponent) * histogram.BinsPerDecade + 1, 0, counts.Count));
        double Up(double count) => Top + (Height - Top - Bottom) * (1 - count / most);
        var ticks = Enumerable.Range(0, (counts.Count - 2) / histogram.BinsPerDecade + 1).Select(d => (X: At(1 + d * histogram.BinsPerDecade), Exponent: histogram.LowestExponent + d));
        // Two lines that lie close would write over each other.
        var crowded = Math.Abs(Place(high) - Place(mean)) < 90;
        return Html.Drawing(
            Width,
            Height,
            string.Create(CultureInfo.InvariantCulture, $"Histogram of the divergence of {counts.Sum()} positions: mean {mean:0.#####} nats, 99 % of the positions below {high:0.#####} nats"),
            Html.Shape("line", "axis", ("x1", Left), ("x2", Width - Right), ("y1", Up(0)), ("y2", Up(0))),
            counts.Index().Where(c => c.Item > 0).Select(c => Html.Shape("rect", "bar", ("x", At(c.Index) + 1), ("y", Up(c.Item)), ("width", bar - 2), ("height", Math.Max(1, Up(0) - Up(c.Item))))),
            ticks.Select(t => Html.Label(Power(t.Exponent), t.X, Height - Bottom + 16)),
            Html.Label("divergence at a position, nats", (Left + Width - Right) / 2.0, Height - 8, @class: "title"),
            Html.Label(most.ToString("N0", CultureInfo.InvariantCulture), Left - 6, Up(most) + 4, "end"),
            Html.Label("0", Left - 6, Up(0) + 4, "end"),
            Marker(Place(mean), "mean", crowded ? "end" : "start"),
            Marker(Place(high), "99 %", "start"));

        static object[] Marker(double x, string text, string anchor) =>
        [
            Html.Shape("line", "marker", ("x1", x), ("x2", x), ("y1", Top - 18), ("y2", Height - Bottom)),
            Html.Label(text, x + (anchor == "start" ? 5 : -5), Top - 10, anchor, "marked"),
        ];
    }

    /// <summary>Perplexity against size: the source and each port.</summary>
    public static XElement SizeAndPerplexity(Manifest manifest)
    {
        (string Name, double Size, double Perplexity, bool IsSource)[] points =
        [
            (manifest.Source.Precision + " (source)", Value(manifest.Outputs[0], Metric.FileSize, Subject.Source), Value(manifest.Outputs[0], Metric.Perplexity, Subject.Source), true),
            .. manifest.Outputs.Select(o => (o.Precision, Value(o, Metric.FileSize, Subject.Port), Value(o, Metric.Perplexity, Subject.Port), false)),
        ];
        var largest = points.Max(p => p.Size) * 1.12;
        var finite = points.Where(p => double.IsFinite(p.Perplexity)).Select(p => p.Perplexity).DefaultIfEmpty(1).ToArray();
        var margin = Math.Max((finite.Max() - finite.Min()) * 0.2, finite.Max() * 0.01);
        var (low, high) = (finite.Min() - margin, finite.Max() + margin);
        double X(double size) => Left + (Width - Left - Right) * size / largest;
        double Y(double perplexity) => Top + (Height - Top - Bottom) * (high - Math.Min(perplexity, high)) / (high - low);
        return Html.Drawing(
            Width,
            Height,
            "Perplexity against size: " + string.Join("; ", points.Select(p => $"{p.Name} {Metric.FileSize.Write(p.Size)} MB, {Metric.Perplexity.Write(p.Perplexity)}")),
            Html.Shape("line", "axis", ("x1", Left), ("x2", Width - Right), ("y1", Height - Bottom), ("y2", Height - Bottom)),
            Html.Shape("line", "axis", ("x1", Left), ("x2", Left), ("y1", Top), ("y2", Height - Bottom)),
            Ticks(0, largest).Select(t => Html.Label(t.ToString("0.###", CultureInfo.InvariantCulture), X(t), Height - Bottom + 16)),
            Ticks(low, high).Select(t => new object[]
            {
                Html.Shape("line", "grid", ("x1", Left), ("x2", Width - Right), ("y1", Y(t)), ("y2", Y(t))),
                Html.Label(t.ToString("0.###", CultureInfo.InvariantCulture), Left - 6, Y(t) + 4, "end"),
            }),
            Html.Label("size of the weights, MB", (Left + Width - Right) / 2.0, Height - 8, @class: "title"),
            Html.Label("perplexity", Left, Top - 12, "start", "title"),
            points.Select(p => new object[]
            {
                Html.Shape("circle", p.IsSource ? "point source" : "point", ("cx", X(p.Size)), ("cy", Y(p.Perplexity)), ("r", 5)),
                Html.Label(p.Name, X(p.Size) + (X(p.Size) > Width * 0.7 ? -9 : 9), Y(p.Perplexity) - 7, X(p.Size) > Width * 0.7 ? "end" : "start", "marked"),
            }));
    }

    /// <summary>Times of a generated token, or of a run at each batch size, of source and port: median, 95 % and 99 %.</summary>
    public static IEnumerable<XElement> Latencies(OutputRecord output) => output.Metrics.Where(f => f.Name == Metric.RunLatencyP50.Name && f.Of == Subject.Port).ToArray() is { Length: > 0 } runs
        ? runs.Select(r => Latency(output, r.On is null ? "run" : $"run ({r.On})", [Metric.RunLatencyP50, Metric.RunLatencyP95, Metric.RunLatencyP99], r.On))
        : [Latency(output, "generated token", [Metric.TokenLatencyP50, Metric.TokenLatencyP95, Metric.TokenLatencyP99], null)];

    private static XElement Latency(OutputRecord output, string what, Metric[] metrics, string? on)
    {
        var rows = ((string Name, Subject Of)[])[("source", Subject.Source), (output.Precision, Subject.Port)];
        var times = rows.Select(r => metrics.Select(m => Value(output, m, r.Of, on)).ToArray()).ToArray();
        var largest = times.Max(t => t.Max()) * 1.1;
        const int Left = 90;
        const int RowHeight = 46;
        const int Height = 3 * RowHeight + 24;
        double X(double time) => Left + (Width - Left - Right) * time / largest;
        return Html.Drawing(
            Width,
            Height,
            $"Times of a {what}: " + string.Join("; ", rows.Zip(times, (r, t) => $"{r.Name} " + string.Join(", ", metrics.Zip(t, (m, v) => $"{m.Title} {m.Write(v)} ms")))),
            Html.Shape("line", "axis", ("x1", Left), ("x2", Width - Right), ("y1", 2.4 * RowHeight), ("y2", 2.4 * RowHeight)),
            Ticks(0, largest).Select(t => Html.Label(t.ToString("0.###", CultureInfo.InvariantCulture), X(t), 2.4 * RowHeight + 16)),
            Html.Label($"time of a {what}, ms: median, 95 %, 99 %", (Left + Width - Right) / 2.0, Height - 8, @class: "title"),
            rows.Zip(times).Index().Select(r => new object[]
            {
                Html.Label(r.Item.First.Name, Left - 12, (r.Index + 0.7) * RowHeight + 4, "end", "marked"),
                Html.Shape("line", "span", ("x1", X(r.Item.Second[0])), ("x2", X(r.Item.Second[2])), ("y1", (r.Index + 0.7) * RowHeight), ("y2", (r.Index + 0.7) * RowHeight)),
                r.Item.Second.Select(t => Html.Shape("circle", r.Item.First.Of == Subject.Source ? "point source" : "point", ("cx", X(t)), ("cy", (r.Index + 0.7) * RowHeight), ("r", 5))),
            }));
    }

    /// <summary>What tensors cost, the dearest first.</summary>
    public static XElement Costs(LayerCosts costs)
    {
        const int Names = 230;
        const int Numbers = 120;
        const int RowHeight = 20;
        var largest = costs.Tensors.Max(t => double.IsFinite(t.Divergence) ? t.Divergence : 0);
        double Length(double divergence) => largest > 0 && divergence > 0 ? (Width - Names - Numbers) * Math.Min(divergence / largest, 1) : 0;
        return Html.Drawing(
            Width,
            costs.Tensors.Count * RowHeight + 30,
            "What tensors cost: " + string.Join("; ", costs.Tensors.Select(t => $"{t.Name} {AttributionText.Digits(t.Divergence)} nats")),
            costs.Tensors.Index().Select(t => new object[]
            {
                Html.Label(t.Item.Name, Names - 8, t.Index * RowHeight + 15, "end", "marked"),
                Html.Shape("rect", "bar", ("x", Names), ("y", t.Index * RowHeight + 3), ("width", Math.Max(1, Length(t.Item.Divergence))), ("height", RowHeight - 6)),
                Html.Label(string.Create(CultureInfo.InvariantCulture, $"{AttributionText.Digits(t.Item.Divergence)} ({100 * t.Item.Share:0} %)"), Names + Length(t.Item.Divergence) + 6, t.Index * RowHeight + 15, "start"),
            }),
            Html.Label("divergence with only these values of the port, nats (part of the port's)", Width / 2.0, costs.Tensors.Count * RowHeight + 22, @class: "title"));
    }

    /// <summary>A figure of an output that stands by itself; NaN when there is none.</summary>
    public static double Value(OutputRecord output, Metric metric, Subject of, string? on = null) =>
        output.Metrics.Find(metric, of, on: on)?.Value ?? double.NaN;

    // Round steps of 1, 2 or 5 times a power of ten, about five of them.
    private static IEnumerable<double> Ticks(double low, double high)
    {
        var raw = (high - low) / 5;
        var power = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = power * (raw / power) switch { < 1.5 => 1, < 3.5 => 2, < 7.5 => 5, _ => 10 };
        for (var i = (long)Math.Ceiling(low / step); i * step <= high; i++)
        {
            yield return i * step;
        }
    }

    private static string Power(int exponent) => exponent switch
    {
        >= -3 and <= 2 => Math.Pow(10, exponent).ToString("0.###", CultureInfo.InvariantCulture),
        _ => "1e" + exponent.ToString(CultureInfo.InvariantCulture),
    };
}
