using System.Text.RegularExpressions;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>The real skopeo. Its log at debug level says which files it read and where it went.</summary>
sealed partial class SkopeoClient : IPullClient
{
    /// <summary>Room for a few answers that a registry gives late.</summary>
    static readonly TimeSpan ReadLimit = TimeSpan.FromMinutes(2);

    /// <summary>No line that is worth a validation is slower.</summary>
    const long SlowestBytesPerSecond = 100_000;

    readonly ClientProgram mirrored;
    readonly ClientProgram unmirrored;
    readonly ClientHome home;
    readonly string[] options;
    readonly string authFile;
    readonly bool verifyTls;

    SkopeoClient(string title, string path, ClientHome home, ProofRequest request, string searchPath)
    {
        Title = title;
        this.home = home;
        mirrored = new ClientProgram(path, home.EnvironmentFor(home.Mirrored, request.Options.UseProxy, searchPath));
        unmirrored = new ClientProgram(path, home.EnvironmentFor(home.Unmirrored, request.Options.UseProxy, searchPath));
        options = ["--debug", "--insecure-policy", "--registries.d", home.RegistriesD, "--tmpdir", home.Temporary];
        authFile = request.AuthFile ?? home.AuthFile;
        verifyTls = request.Options.ValidateCertificates;
    }

    public string Title { get; }

    /// <returns>Null where this host has no skopeo.</returns>
    public static async Task<SkopeoClient?> FindAsync(ClientHome home, ProofRequest request, string searchPath, CancellationToken cancellation)
    {
        if (ClientProgram.Find("skopeo", searchPath) is not { } path)
            return null;
        var version = await new ClientProgram(path, home.EnvironmentFor(home.Mirrored, useProxy: false, searchPath)).RunAsync(["--version"], ReadLimit, MaxTextBytes, cancellation);
        var words = System.Text.Encoding.UTF8.GetString(version.Output).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        if (version.ExitCode != 0 || words is not ["skopeo", "version", var number, ..])
            throw new ModuleException(ErrorCodes.Host, $"{path} does not say which skopeo it is: {LastWords(version.Errors)}", "install it again");
        return new SkopeoClient($"skopeo {number}", path, home, request, searchPath);
    }

    public Task<ClientAnswer> ReadManifestAsync(Reference image, CancellationToken cancellation) => InspectAsync(mirrored, ["--raw"], image, cancellation);

    public Task<ClientAnswer> ReadConfigAsync(Reference image, CancellationToken cancellation) => InspectAsync(mirrored, ["--config", "--raw"], image, cancellation);

    public Task<ClientAnswer> ReadWithoutMirrorsAsync(Reference image, CancellationToken cancellation) => InspectAsync(unmirrored, ["--raw"], image, cancellation);

    public async Task<ClientAnswer> CopyAsync(Reference image, long bytes, CancellationToken cancellation)
    {
        var target = home.NewFolder($"copy-{image.Digest!.Value.Hex}");
        try
        {
            var answer = await RunAsync(mirrored, ["copy", "--src-authfile", authFile, .. Tls("--src-tls-verify"), $"docker://{image}", $"dir:{target}"], ReadLimit + TimeSpan.FromSeconds(bytes / SlowestBytesPerSecond), cancellation);
            return answer.Output is null ? answer : answer with { Output = await File.ReadAllBytesAsync(Path.Combine(target, "manifest.json"), cancellation) };
        }
        finally
        {
            if (Directory.Exists(target))
                Directory.Delete(target, recursive: true);
        }
    }

    Task<ClientAnswer> InspectAsync(ClientProgram program, string[] what, Reference image, CancellationToken cancellation) =>
        RunAsync(program, ["inspect", .. what, "--authfile", authFile, .. Tls("--tls-verify"), $"docker://{image}"], ReadLimit, cancellation);

    string[] Tls(string option) => verifyTls ? [] : [$"{option}=false"];

    async Task<ClientAnswer> RunAsync(ClientProgram program, string[] arguments, TimeSpan limit, CancellationToken cancellation)
    {
        string[] all = [.. options, .. arguments];
        var result = await program.RunAsync(all, limit, Manifest.MaxBytes, cancellation);
        var command = program.CommandLine(all);
        // Whatever else it read may lead elsewhere: then what came proves nothing.
        var foreign = LoadedFile().Matches(result.Errors).Select(match => Unquote(match.Groups[1].Value)).FirstOrDefault(file => !file.StartsWith(home.Root, StringComparison.Ordinal));
        if (foreign is not null)
            return new ClientAnswer(command, null, $"it also read {foreign}, which may lead elsewhere", []);
        var places = Place().Matches(result.Errors).Select(match => Unquote(match.Groups[1].Value)).ToList();
        return new ClientAnswer(command, result.ExitCode == 0 ? result.Output : null, result.ExitCode == 0 ? "" : LastWords(result.Errors), places);
    }

    const int MaxTextBytes = 64 * 1024;

    static string LastWords(string errors) =>
        FatalLine().Matches(errors).LastOrDefault() is { } fatal ? Unquote(fatal.Groups[1].Value) : errors.TrimEnd().Split('\n')[^1].Trim();

    // A message of logrus, and a %q within it.
    static string Unquote(string text)
    {
        text = text.Trim();
        if (text.StartsWith("\\\"", StringComparison.Ordinal))
            text = text[2..^2];
        else if (text.StartsWith('"') && text.Length > 1)
            text = text[1..^1];
        return text.Replace("\\n", " ").Replace("\\t", " ").Replace("\\\"", "\"").Replace("\\\\", "\\");
    }

    [GeneratedRegex("""Loading registries configuration (\\".*?\\")""")]
    private static partial Regex LoadedFile();

    [GeneratedRegex("""msg="Trying to access (\\".*?\\")""")]
    private static partial Regex Place();

    [GeneratedRegex("""level=fatal msg=("(?:[^"\\]|\\.)*"|\S+)""")]
    private static partial Regex FatalLine();
}
