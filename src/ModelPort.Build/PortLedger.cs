using System.Globalization;
using System.Text;

namespace ModelPort.Build;

/// <summary>
/// What a port left behind: its outputs and the inputs it came from. The file is at once the target's stamp: its name is the hash of the options, its time is when
/// the port began (a source that changes while it is read is therefore newer), and it is written last.
/// </summary>
internal sealed class PortLedger
{
    private const string Header = "modelport ledger 2";
    private const string Extension = ".stamp";
    private const string InputMark = "input|";
    private const string OutputKind = "output";
    private const string SourceKind = "source";

    private readonly List<Entry> _written = [];
    private readonly List<string> _inputs = [];

    private PortLedger(string path)
    {
        Path = path;
    }

    /// <summary>The ledger's own file.</summary>
    public string Path { get; }

    /// <summary>Absolute paths of the outputs, which go beside the application.</summary>
    public IEnumerable<string> Outputs => PathsOf(OutputKind);

    /// <summary>Absolute paths of what was written for the compiler.</summary>
    public IEnumerable<string> Sources => PathsOf(SourceKind);

    /// <summary>Absolute paths of the files that the port read.</summary>
    public IReadOnlyList<string> Inputs => _inputs;

    /// <summary>The ledger of a port with the given options.</summary>
    public static string PathOf(string outputDirectory, string optionsHash) => System.IO.Path.Combine(outputDirectory, optionsHash + Extension);

    /// <summary>The latest ledger in a port's folder, or null.</summary>
    public static PortLedger? Latest(string outputDirectory)
    {
        if (!Directory.Exists(outputDirectory))
        {
            return null;
        }

        PortLedger? latest = null;
        DateTime time = default;
        foreach (FileInfo file in new DirectoryInfo(outputDirectory).GetFiles("*" + Extension))
        {
            if ((latest is null || file.LastWriteTimeUtc > time) && TryRead(file.FullName) is { } ledger)
            {
                latest = ledger;
                time = file.LastWriteTimeUtc;
            }
        }

        return latest;
    }

    /// <summary>Reads a ledger; null when there is none, or none that can be understood.</summary>
    public static PortLedger? TryRead(string path)
    {
        string[] lines;
        try
        {
            lines = File.Exists(path) ? File.ReadAllLines(path, Encoding.UTF8) : [];
        }
        catch (IOException)
        {
            return null;
        }

        if (lines.Length < 2 || lines[0] != Header || lines[lines.Length - 1] != "end")
        {
            return null;
        }

        PortLedger ledger = new(path);
        foreach (string line in lines.Skip(1).Take(lines.Length - 2))
        {
            if (line.StartsWith(InputMark, StringComparison.Ordinal))
            {
                ledger._inputs.Add(line.Substring(InputMark.Length));
                continue;
            }

            string[] parts = line.Split(['|'], 4);
            if (parts.Length == 4 && parts[0] is OutputKind or SourceKind && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long length) && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out long ticks))
            {
                ledger._written.Add(new Entry(parts[0], parts[3], length, ticks));
            }
            else
            {
                return null;
            }
        }

        return ledger;
    }

    /// <summary>Writes the ledger of a finished port, whole or not at all, and removes those of earlier options.</summary>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static void Write(string path, IEnumerable<string> outputs, IEnumerable<string> sources, IEnumerable<string> inputs, DateTime began)
    {
        StringBuilder text = new(Header + "\n");
        foreach ((string kind, string written) in outputs.Select(output => (OutputKind, output)).Concat(sources.Select(source => (SourceKind, source))))
        {
            FileInfo file = new(written);
            text.Append(FormattableString.Invariant($"{kind}|{file.Length}|{file.LastWriteTimeUtc.Ticks}|{written}\n"));
        }

        foreach (string input in inputs)
        {
            text.Append(InputMark).Append(input).Append('\n');
        }

        WholeFile.Write(path, text.Append("end\n").ToString(), began);
        foreach (string other in Directory.GetFiles(System.IO.Path.GetDirectoryName(path), "*" + Extension).Where(other => other != path))
        {
            File.Delete(other);
        }
    }

    /// <summary>Whether everything that was written is still as the port left it.</summary>
    public bool Holds() => _written.Count > 0 && _written.All(entry => entry.Holds());

    private IEnumerable<string> PathsOf(string kind) => _written.Where(entry => entry.Kind == kind).Select(entry => entry.Path);

    private sealed class Entry(string kind, string path, long length, long ticks)
    {
        public string Kind { get; } = kind;

        public string Path { get; } = path;

        public bool Holds()
        {
            FileInfo file = new(Path);
            return file.Exists && file.Length == length && file.LastWriteTimeUtc.Ticks == ticks;
        }
    }
}
