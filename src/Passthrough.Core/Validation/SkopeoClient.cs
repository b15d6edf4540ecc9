using System.Text;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Programs;

namespace Passthrough.Core.Validation;

/// <summary>The real skopeo. Its log at debug level says which files it read and where it went.</summary>
sealed class SkopeoClient : IPullClient
{
    /// <summary>Room for a few answers that a registry gives late.</summary>
    static readonly TimeSpan ReadLimit = TimeSpan.FromMinutes(2);

    /// <summary>No line that is worth a validation is slower.</summary>
    const long SlowestBytesPerSecond = 100_000;

    const int MaxTextBytes = 64 * 1024;

    readonly HostProgram mirrored;
    readonly HostProgram unmirrored;
    readonly ClientHome home;
    readonly string[] options;
    readonly string authFile;
    readonly bool verifyTls;

    SkopeoClient(string version, string path, ClientHome home, ProofRequest request, SearchPath searchPath)
    {
        Title = $"skopeo {version}";
        this.home = home;
        mirrored = new HostProgram(path, home.EnvironmentFor(home.Mirrored, request.Options.UseProxy, searchPath));
        unmirrored = new HostProgram(path, home.EnvironmentFor(home.Unmirrored, request.Options.UseProxy, searchPath));
        options = ["--debug", "--insecure-policy", "--registries.d", home.RegistriesD, "--tmpdir", home.Temporary];
        authFile = request.AuthFile ?? home.AuthFile;
        verifyTls = request.Options.ValidateCertificates;
    }

    public string Title { get; }

    /// <returns>Null where this host has no skopeo.</returns>
    /// <exception cref="ModuleException">It does not work.</exception>
    public static async Task<SkopeoClient?> FindAsync(ClientHome home, ProofRequest request, SearchPath searchPath,
        CancellationToken cancellation)
    {
        if (searchPath.Find("skopeo") is not { } path)
            return null;
        var version = await new HostProgram(path, home.EnvironmentFor(home.Mirrored, useProxy: false, searchPath))
            .RunAsync(["--version"], ReadLimit, MaxTextBytes, cancellation);
        var words = Encoding.UTF8.GetString(version.Output).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return version.ExitCode == 0 && words is ["skopeo", "version", var number, ..]
            ? new SkopeoClient(number, path, home, request, searchPath)
            : throw new ModuleException(ErrorCodes.Host, $"{path} does not say which skopeo it is: {ClientLog.LastWords(version.Errors)}", "install it again");
    }

    public Task<ClientAnswer> ReadManifestAsync(Reference image, Digest? expected, CancellationToken cancellation) => InspectAsync(mirrored, ["--raw"], image, expected, cancellation);

    public Task<ClientAnswer> ReadConfigAsync(Reference image, Digest expected, CancellationToken cancellation) => InspectAsync(mirrored, ["--config", "--raw"], image, expected, cancellation);

    public Task<ClientAnswer> ReadWithoutMirrorsAsync(Reference image, CancellationToken cancellation) => InspectAsync(unmirrored, ["--raw"], image, null, cancellation);

    public async Task<ClientAnswer> CopyAsync(Reference image, long bytes, CancellationToken cancellation)
    {
        var name = $"copy-{image.Digest!.Hex}";
        var target = home.NewFolder(name);
        try
        {
            var limit = ReadLimit + TimeSpan.FromSeconds(bytes / SlowestBytesPerSecond);
            return await RunAsync(
                mirrored,
                ["copy", "--src-authfile", authFile, .. Tls("--src-tls-verify"), $"docker://{image}", $"dir:{target}"],
                limit,
                _ => DigestOf(InputFile.ReadAllBytes(Path.Combine(target, "manifest.json")), image.Digest),
                cancellation);
        }
        finally
        {
            home.Remove(name);
        }
    }

    Task<ClientAnswer> InspectAsync(HostProgram program, string[] what, Reference image, Digest? expected,
        CancellationToken cancellation) =>
        RunAsync(program, ["inspect", .. what, "--authfile", authFile, .. Tls("--tls-verify"), $"docker://{image}"], ReadLimit, output => DigestOf(output, expected), cancellation);

    string[] Tls(string option) => verifyTls ? [] : [$"{option}=false"];

    async Task<ClientAnswer> RunAsync(HostProgram program, string[] arguments, TimeSpan limit, Func<byte[], Digest> got,
        CancellationToken cancellation)
    {
        string[] all = [.. options, .. arguments];
        var result = await program.RunAsync(all, limit, Limits.DocumentBytes, cancellation);
        var command = program.CommandLine(all);
        // Whatever else it read may lead elsewhere: then what came proves nothing.
        if (ClientLog.LoadedFiles(result.Errors).FirstOrDefault(file => !home.Holds(file)) is { } foreign)
            return new ClientAnswer(command, null, $"it also read {foreign}, which may lead elsewhere", []);
        var places = ClientLog.Places(result.Errors);
        return result.ExitCode == 0 ? new ClientAnswer(command, got(result.Output), "", places) : new ClientAnswer(command, null, ClientLog.LastWords(result.Errors), places);
    }

    static Digest DigestOf(byte[] bytes, Digest? expected) => expected?.OfSameAlgorithm(bytes) ?? Digest.Sha256(bytes);
}
