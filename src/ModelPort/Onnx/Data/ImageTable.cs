using System.Runtime.InteropServices;
using ModelPort.Diagnostics;
using ModelPort.Engines.OnnxRuntime;
using StbImageSharp;

namespace ModelPort.Onnx.Data;

/// <summary>Images of a folder as an input of a model, in the order of their paths; each is decoded when it is asked for.</summary>
internal sealed class ImageTable : IDataTable
{
    // A file of a few bytes may say that it has billions of pixels.
    private const long MostPixels = 1 << 27;

    private const string LabelsName = "labels";
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".bmp"];

    private readonly ImageDescription _description;
    private readonly (string Path, long Class)[] _images;

    /// <summary>Reads the description, and lists the images.</summary>
    /// <exception cref="ModelPortException">MP1092: the description cannot be used; MP1085: there are no images.</exception>
    public ImageTable(string path)
    {
        path = Path.GetFullPath(path);
        _description = ImageDescription.Read(path);
        var folder = Path.GetFullPath(_description.Images, Path.GetDirectoryName(path)!);
        _images = _description.Classes.Length == 0
            ? [.. In(path, folder).Select(f => (f, 0L))]
            : [.. _description.Classes.SelectMany((name, index) => In(path, Path.Combine(folder, name)).Select(f => (f, (long)index)))];
        long[] size = [_description.Height, _description.Width];
        var image = new DataColumn(
            _description.Input,
            TensorType.Float,
            _description.Layout == PixelLayout.NCHW ? [_images.Length, _description.ChannelCount, .. size] : [_images.Length, .. size, _description.ChannelCount]);
        Columns = _description.Classes.Length == 0 ? [image] : [image, new DataColumn(LabelsName, TensorType.Int64, [_images.Length])];
        Files = [path, .. _images.Select(i => i.Path)];
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Files { get; }

    /// <inheritdoc/>
    public IReadOnlyList<DataColumn> Columns { get; }

    /// <inheritdoc/>
    public void Read(DataColumn column, long first, Span<byte> destination)
    {
        var rows = column.RowBytes == 0 ? 0 : (int)(destination.Length / column.RowBytes);
        for (var i = 0; i < rows; i++)
        {
            var row = destination.Slice((int)(i * column.RowBytes), (int)column.RowBytes);
            var (path, label) = _images[first + i];
            if (column.Type == TensorType.Int64)
            {
                MemoryMarshal.Write(row, label);
            }
            else
            {
                Fill(MemoryMarshal.Cast<byte, float>(row), Decode(path));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private static string[] In(string description, string folder) => Directory.Exists(folder)
        ? [.. Directory.EnumerateFiles(folder).Where(f => Extensions.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)]
        : throw new ModelPortException(Diagnose.ImageDescription(description, $"the folder '{folder}', which is not there"));

    private ImageResult Decode(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            if (ImageInfo.FromStream(stream) is not { } info)
            {
                throw new ModelPortException(Diagnose.ImageUnreadable(path, "it is no PNG, JPEG or BMP"));
            }

            if ((long)info.Width * info.Height is var pixels && pixels is < 1 or > MostPixels)
            {
                throw new ModelPortException(Diagnose.ImageUnreadable(path, $"it says that it has {info.Width} x {info.Height} pixels"));
            }

            stream.Position = 0;
            return ImageResult.FromStream(stream, _description.Channels == PixelOrder.Gray ? ColorComponents.Grey : ColorComponents.RedGreenBlue);
        }
        catch (Exception e) when (e is not ModelPortException)
        {
            // The decoder throws whatever a damaged file leads to.
            throw new ModelPortException(Diagnose.ImageUnreadable(path, e.Message), e);
        }
    }

    // Bilinear between the centres of pixels, without smoothing first: what cv2.INTER_LINEAR and torch's interpolate without antialias do.
    private void Fill(Span<float> destination, ImageResult image)
    {
        var (width, height, channels) = (_description.Width, _description.Height, _description.ChannelCount);
        var (stepX, stepY) = ((double)image.Width / width, (double)image.Height / height);
        if (_description.Fit == PixelFit.Crop)
        {
            stepX = stepY = Math.Min(stepX, stepY);
        }

        var (left, top) = ((image.Width - stepX * width) / 2, (image.Height - stepY * height) / 2);
        for (var y = 0; y < height; y++)
        {
            var (upper, lower, down) = Between(top + (y + 0.5) * stepY - 0.5, image.Height);
            for (var x = 0; x < width; x++)
            {
                var (before, after, right) = Between(left + (x + 0.5) * stepX - 0.5, image.Width);
                for (var c = 0; c < channels; c++)
                {
                    double At(int row, int column) => image.Data[(row * image.Width + column) * channels + c];
                    var value = (1 - down) * ((1 - right) * At(upper, before) + right * At(upper, after)) + down * ((1 - right) * At(lower, before) + right * At(lower, after));
                    var channel = _description.Channels == PixelOrder.BGR ? 2 - c : c;
                    var place = _description.Layout == PixelLayout.NCHW ? (channel * height + y) * width + x : (y * width + x) * channels + channel;
                    destination[place] = (float)((value * _description.Scale - Of(_description.Mean, channel, 0)) / Of(_description.Std, channel, 1));
                }
            }
        }
    }

    // The two neighbours of a place, and how near it is to the second; beyond the edge there is the edge.
    private static (int First, int Second, double Share) Between(double place, int count)
    {
        place = Math.Clamp(place, 0, count - 1);
        var first = (int)place;
        return (first, Math.Min(first + 1, count - 1), place - first);
    }

    private static double Of(double[] values, int channel, double absent) => values.Length == 0 ? absent : values[channel];
}
