using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Passthrough.Core.Files;

namespace Passthrough.Core.Registry.Auth;

/// <summary>
/// Trust and client certificates for one registry out of podman's and docker's <c>certs.d</c> folders (mirror-policies.md 9.3):
/// every <c>*.crt</c> is a CA, <c>X.cert</c> goes with <c>X.key</c>, nothing else counts.
/// </summary>
sealed record CertsDirectory(ImmutableArray<X509Certificate2> Authorities, string? ClientCertificate, string? ClientKey)
{
    static readonly CertsDirectory None = new([], null, null);

    /// <summary>Reads the first folder of this registry; nothing is merged.</summary>
    /// <param name="bases">Folders that hold one folder a registry, in order.</param>
    /// <param name="authority"><c>host[:port]</c> as in image names.</param>
    /// <exception cref="ModuleException">A certificate without its key, or the reverse.</exception>
    public static CertsDirectory Find(IEnumerable<string> bases, string authority) =>
        bases.Select(folder => Path.Combine(folder, authority)).FirstOrDefault(Directory.Exists) is { } folder ? Read(folder) : None;

    /// <summary>The folders of this system for the user that runs this.</summary>
    public static IEnumerable<string> Bases(Func<string, string?> environment)
    {
        if ((environment("XDG_CONFIG_HOME") is { Length: > 0 } config ? config : environment("HOME") is { Length: > 0 } home ? Path.Combine(home, ".config") : null) is { } user)
            yield return Path.Combine(user, "containers", "certs.d");
        yield return "/etc/containers/certs.d";
        yield return "/etc/docker/certs.d";
    }

    internal static CertsDirectory Read(string folder)
    {
        var names = Files(folder);
        foreach (var name in names)
        {
            var stem = Path.GetFileNameWithoutExtension(name);
            if (name.EndsWith(".cert", StringComparison.Ordinal) && !names.Contains($"{stem}.key"))
                throw Invalid(folder, $"missing key {stem}.key for client certificate {name}", "CA certificates must have the extension .crt");
            if (name.EndsWith(".key", StringComparison.Ordinal) && !names.Contains($"{stem}.cert"))
                throw Invalid(folder, $"missing client certificate {stem}.cert for key {name}", "put the certificate beside its key, with the extension .cert");
        }

        var client = names.FirstOrDefault(name => name.EndsWith(".cert", StringComparison.Ordinal));
        return new CertsDirectory(
            [.. names.Where(name => name.EndsWith(".crt", StringComparison.Ordinal)).SelectMany(name => ReadAuthorities(Path.Combine(folder, name)))],
            client is null ? null : Path.Combine(folder, client),
            client is null ? null : Path.Combine(folder, Path.ChangeExtension(client, ".key")));
    }

    static List<string> Files(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)];
        }
        catch (UnauthorizedAccessException e)
        {
            throw Invalid(folder, "permission denied", "let the user that runs the module read it", e);
        }
    }

    // What is no certificate is passed over, as podman does.
    static X509Certificate2Collection ReadAuthorities(string path)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(InputFile.ReadAllText(path));
        }
        catch (CryptographicException)
        {
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Invalid(path, "permission denied", "let the user that runs the module read it", e);
        }

        return certificates;
    }

    static ModuleException Invalid(string path, string what, string hint, Exception? inner = null) =>
        new(ErrorCodes.File, $"certificates in {path} cannot be used: {what}", hint, inner);
}
