using System.Text.Json;
using System.Text.Json.Serialization;
using ModelPort.Diagnostics;

namespace ModelPort.Onnx.Data;

/// <summary>The order of a pixel's values.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PixelOrder>))]
internal enum PixelOrder
{
    /// <summary>Red, green, blue.</summary>
    RGB,

    /// <summary>Blue, green, red.</summary>
    BGR,

    /// <summary>One value: the brightness.</summary>
    Gray,
}

/// <summary>The order of a tensor's dimensions.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PixelLayout>))]
internal enum PixelLayout
{
    /// <summary>Channels, then rows, then columns.</summary>
    NCHW,

    /// <summary>Rows, then columns, then channels.</summary>
    NHWC,
}

/// <summary>How an image is brought to the size.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PixelFit>))]
internal enum PixelFit
{
    /// <summary>Each side by itself.</summary>
    Stretch,

    /// <summary>Both sides alike until the size is covered, and the middle of that.</summary>
    Crop,
}

/// <summary>
/// What a .json file says of a folder of images (PNG, JPEG, BMP): where they are, and how pixels become an input, <c>(value * scale - mean) / std</c>. Where
/// labels are asked for, the folder has one folder for each class.
/// </summary>
internal sealed record ImageDescription
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, ReadCommentHandling = JsonCommentHandling.Skip };

    /// <summary>The folder, relative to the file.</summary>
    public required string Images { get; init; }

    /// <summary>The input that they are for; empty for the only one.</summary>
    public string Input { get; init; } = "";

    /// <summary>Columns of the input.</summary>
    public required int Width { get; init; }

    /// <summary>Rows of the input.</summary>
    public required int Height { get; init; }

    /// <summary>The order of a pixel's values.</summary>
    public PixelOrder Channels { get; init; } = PixelOrder.RGB;

    /// <summary>The order of the dimensions.</summary>
    public PixelLayout Layout { get; init; } = PixelLayout.NCHW;

    /// <summary>How an image is brought to the size.</summary>
    public PixelFit Fit { get; init; } = PixelFit.Stretch;

    /// <summary>What values from 0 to 255 are multiplied with first.</summary>
    public double Scale { get; init; } = 1 / 255.0;

    /// <summary>What is taken away of each channel then.</summary>
    public double[] Mean { get; init; } = [];

    /// <summary>What each channel is divided by then.</summary>
    public double[] Std { get; init; } = [];

    /// <summary>The folders of the classes in the order of their indices; empty where images have no labels.</summary>
    public string[] Classes { get; init; } = [];

    /// <summary>Values of a pixel.</summary>
    [JsonIgnore]
    public int ChannelCount => Channels == PixelOrder.Gray ? 1 : 3;

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelPortException">MP1092: it says something else.</exception>
    public static ImageDescription Read(string path)
    {
        const int MostPixels = 1 << 24;
        try
        {
            var description = JsonSerializer.Deserialize<ImageDescription>(File.ReadAllBytes(path), Format) ?? throw new JsonException("it is empty");
            var found = description.Width < 1 || description.Height < 1 || (long)description.Width * description.Height > MostPixels ? $"a size of {description.Width} x {description.Height}"
                : !double.IsFinite(description.Scale) || description.Mean.Concat(description.Std).Any(v => !double.IsFinite(v)) || description.Std.Contains(0) ? "a scale, mean or std that is no finite number, or a std of 0"
                : description.Mean.Length > 0 && description.Mean.Length != description.ChannelCount ? $"{description.Mean.Length} means for {description.ChannelCount} channels"
                : description.Std.Length > 0 && description.Std.Length != description.ChannelCount ? $"{description.Std.Length} std for {description.ChannelCount} channels"
                : description.Classes.Any(c => c.Length == 0 || c != Path.GetFileName(c) || c is "." or "..") ? "a class that is no name of a folder"
                : null;
            return found is null ? description : throw new ModelPortException(Diagnose.ImageDescription(path, found));
        }
        catch (JsonException e)
        {
            throw new ModelPortException(Diagnose.ImageDescription(path, e.Message), e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelPortException(Diagnose.Unreadable(path, e.Message), e);
        }
    }
}
