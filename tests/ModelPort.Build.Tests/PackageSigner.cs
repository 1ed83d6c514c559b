using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using NuGet.Common;
using NuGet.Packaging.Signing;
using HashAlgorithmName = NuGet.Common.HashAlgorithmName;

namespace ModelPort.Build.Tests;

/// <summary>Signs packages with certificates that it makes: as an author does with dotnet, and as a feed does with what was pushed to it.</summary>
internal sealed class PackageSigner : IDisposable
{
    private readonly string _folder;
    private readonly X509Certificate2 _author = Certificate("CN=Acme");
    private readonly X509Certificate2 _feed = Certificate("CN=Feed of packages");

    public PackageSigner(string folder) => _folder = folder;

    public string AuthorFingerprint => Convert.ToHexString(_author.GetCertHash(System.Security.Cryptography.HashAlgorithmName.SHA256));

    public string FeedFingerprint => Convert.ToHexString(_feed.GetCertHash(System.Security.Cryptography.HashAlgorithmName.SHA256));

    /// <summary>Signs a package by dotnet nuget sign.</summary>
    public void SignByAuthor(string package, string output)
    {
        string file = Path.Combine(_folder, "author.pfx");
        File.WriteAllBytes(file, _author.Export(X509ContentType.Pfx, "password"));
        DotNet.Run(_folder, PackedRepository.GlobalPackages, "nuget", "sign", package, "--certificate-path", file, "--certificate-password", "password", "--output", output, "--overwrite").Succeeded();
    }

    /// <summary>Adds the signature of a feed to a signed package, as the public gallery does.</summary>
    public void CountersignByFeed(string package, string output, string index)
    {
        File.Delete(output);
        using SigningOptions options = SigningOptions.CreateFromFilePaths(package, output, overwrite: false, new X509SignatureProvider(timestampProvider: null), NullLogger.Instance);
        using RepositorySignPackageRequest request = new(new X509Certificate2(_feed), HashAlgorithmName.SHA256, HashAlgorithmName.SHA256, new Uri(index.Replace("http:", "https:", StringComparison.Ordinal)), ["acme"]);
        SigningUtility.SignAsync(options, request, CancellationToken.None).GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        _author.Dispose();
        _feed.Dispose();
    }

    private static X509Certificate2 Certificate(string name)
    {
        using RSA key = RSA.Create(2048);
        CertificateRequest request = new(name, key, System.Security.Cryptography.HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.3")], critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(1));
    }
}
