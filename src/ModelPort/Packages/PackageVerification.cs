using System.Security.Cryptography;
using System.Xml;
using System.Xml.Linq;
using ModelPort.Diagnostics;
using ModelPort.Manifests;
using ModelPort.Runtime;

namespace ModelPort.Packages;

/// <summary>A model that was verified.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Folder">Where it lies in the package or folder; empty for the folder itself.</param>
/// <param name="Files">Files that were read.</param>
/// <param name="Bytes">Bytes that were read.</param>
/// <param name="Errors">What is wrong; empty when all is as it was packed.</param>
public sealed record VerifiedModel(string Name, string Folder, int Files, long Bytes, IReadOnlyList<Diagnostic> Errors);

/// <summary>
/// Proves that models are as they were ported and packed. Three records must agree with each file and among each other: the manifest, the list of hashes beside it, and in a
/// package the build's own list. Files are hashed rather than the package, so that a feed's signature changes nothing.
/// </summary>
public static class PackageVerification
{
    /// <summary>Verifies every model of a package, or below a folder.</summary>
    /// <param name="files">The package or folder.</param>
    /// <param name="observer">Told the bytes done.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="ModelPortException">MP5021: there is no model.</exception>
    public static IReadOnlyList<VerifiedModel> Verify(PackedFiles files, IPortObserver observer, CancellationToken cancellation)
    {
        string[] manifests = ManifestsIn(files);
        if (manifests.Length == 0)
        {
            throw new ModelPortException(Diagnose.NoModels(files.Path));
        }

        var listed = ListedByTheBuild(files);
        VerifiedModel[] models = [.. manifests.Select(m => new Verification(files, m, listed, observer, cancellation).Run())];
        models[0] = models[0] with { Errors = [.. files.Problems, .. models[0].Errors] };
        return models;
    }

    /// <summary>The manifests of a package or folder.</summary>
    internal static string[] ManifestsIn(PackedFiles files) =>
        [.. files.Names.Where(n => n == Manifest.FileName || n.EndsWith("/" + Manifest.FileName, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    // What the targets of a package say of its files, by name in the package.
    private static Dictionary<string, string> ListedByTheBuild(PackedFiles files)
    {
        var listed = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in files.Names.Where(n => n.StartsWith("buildTransitive/", StringComparison.Ordinal) && n.EndsWith(".targets", StringComparison.Ordinal)))
        {
            try
            {
                using var stream = files.OpenFile(name);
                foreach (var file in XDocument.Load(stream).Descendants("ModelPortModelFile"))
                {
                    listed[Uri.UnescapeDataString((string?)file.Element("Link") ?? "")] = (string?)file.Element("Sha256") ?? "";
                }
            }
            catch (Exception e) when (e is XmlException or InvalidDataException)
            {
                throw new ModelPortException(Diagnose.RecordsDisagree(files.Describe(name), $"it is no XML ({e.Message})"), e);
            }
        }

        return listed;
    }

    private sealed class Verification(PackedFiles files, string manifest, Dictionary<string, string> listed, IPortObserver observer, CancellationToken cancellation)
    {
        private readonly string _folder = manifest[..^Manifest.FileName.Length];
        private readonly List<Diagnostic> _errors = [];
        private readonly Dictionary<string, string> _hashes = new(StringComparer.Ordinal);
        private long _bytes;

        public VerifiedModel Run()
        {
            var name = _folder.Length == 0 ? System.IO.Path.GetFileName(files.Path) : System.IO.Path.GetFileName(_folder.TrimEnd('/'));
            try
            {
                var model = ManifestReader.Read(files.Describe(manifest), () => files.OpenFile(manifest));
                name = model.Name;
                foreach (var part in model.Files.SelectMany(f => f.Parts))
                {
                    Expect(System.IO.Path.GetFileName(part.Path), part.Sha256, part.Bytes);
                }
            }
            catch (PortedModelException e)
            {
                _errors.Add(Diagnose.From(e, files.Describe(manifest)));
            }

            ExpectListed();
            foreach (var (path, sha256) in listed.Where(l => l.Key.StartsWith(_folder, StringComparison.Ordinal) && _folder.Length > 0))
            {
                Expect(path[_folder.Length..], sha256, null);
            }

            return new VerifiedModel(name, _folder.TrimEnd('/'), _hashes.Count, _bytes, [.. _errors.DistinctBy(e => (e.Code, e.File))]);
        }

        private void ExpectListed()
        {
            var list = _folder + Checksums.FileName;
            if (!files.Has(list))
            {
                // What the build puts beside an application that was never packed has no list; a package always has.
                if (listed.Count > 0)
                {
                    _errors.Add(Diagnose.PackedFileMissing(files.Describe(list), "every model package"));
                }

                return;
            }

            if (Listed(list) is not { } expected)
            {
                _errors.Add(Diagnose.RecordsDisagree(files.Describe(list), "a line of it is no hash and name of a file"));
                return;
            }

            foreach (var (sha256, name) in expected)
            {
                Expect(name, sha256, null);
            }
        }

        private IReadOnlyList<(string Sha256, string Name)>? Listed(string list)
        {
            try
            {
                using var stream = files.OpenFile(list);
                using var content = new MemoryStream();
                stream.CopyTo(content);
                return Checksums.TryRead(content.ToArray());
            }
            catch (InvalidDataException)
            {
                return null;
            }
        }

        private void Expect(string name, string sha256, long? bytes)
        {
            var path = _folder + name;
            if (!files.Has(path))
            {
                // What a part would hold is missing with it.
                if (files.Problems.Count > 0)
                {
                    return;
                }

                _errors.Add(Diagnose.PackedFileMissing(files.Describe(path), files.Describe(manifest)));
                return;
            }

            if (bytes is { } length && files.LengthOf(path) != length)
            {
                _errors.Add(Diagnose.PackedFileChanged(files.Describe(path), $"it has {files.LengthOf(path)} bytes", $"{length} bytes"));
                return;
            }

            var found = Hash(path);
            if (found != sha256)
            {
                _errors.Add(Diagnose.PackedFileChanged(files.Describe(path), $"its SHA-256 is {found}", sha256));
            }
        }

        private string Hash(string path)
        {
            if (_hashes.TryGetValue(path, out var known))
            {
                return known;
            }

            using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[1 << 20];
            try
            {
                using var stream = files.OpenFile(path);
                for (int count; (count = stream.Read(buffer)) > 0;)
                {
                    cancellation.ThrowIfCancellationRequested();
                    sha.AppendData(buffer, 0, count);
                    _bytes += count;
                    observer.Progress(new PortProgress("verify", _bytes, Math.Max(_bytes, files.LengthOf(path)), path));
                }
            }
            catch (InvalidDataException)
            {
                // An archive whose own sums do not fit: whatever was read is not what was packed.
                return _hashes[path] = "unreadable";
            }

            return _hashes[path] = Convert.ToHexStringLower(sha.GetHashAndReset());
        }
    }
}
