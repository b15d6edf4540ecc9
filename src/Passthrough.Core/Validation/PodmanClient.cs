using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Programs;
using Passthrough.Core.Text;

namespace Passthrough.Core.Validation;

/// <summary>
/// The real podman, where there is no skopeo. It can only pull, so every image is copied whole, one after the other, into a storage of its own in the
/// private folder; nothing of the host's podman is touched.
/// </summary>
sealed class PodmanClient : IPullClient, IDisposable
{
    static readonly TimeSpan PullLimit = TimeSpan.FromHours(1);
    static readonly TimeSpan ShortLimit = TimeSpan.FromMinutes(2);
    const int MaxTextBytes = 1024 * 1024;

    /// <summary>Since version 6 its library takes the file that a variable names for all there is; before, it reads the host's drop-ins beside that.</summary>
    const int FirstMajorForVariables = 6;

    readonly HostProgram mirrored;
    readonly HostProgram unmirrored;
    readonly ClientHome home;
    readonly string[] options;
    readonly string[] pull;
    readonly SemaphoreSlim one = new(1);

    PodmanClient(string version, string path, ClientHome home, ProofRequest request, SearchPath searchPath)
    {
        Title = $"podman {version}";
        this.home = home;
        var byVariables = int.TryParse(version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) && major >= FirstMajorForVariables;
        mirrored = new HostProgram(path, Environment(home.Mirrored));
        unmirrored = new HostProgram(path, Environment(home.Unmirrored));
        options = ["--log-level=debug", "--tmpdir", home.NewFolder("podman-tmp")];
        pull =
        [
            "pull", "--quiet", "--authfile", request.AuthFile ?? home.AuthFile, "--signature-policy", home.Write("policy.json", """{"default": [{"type": "insecureAcceptAnything"}]}"""),
            .. request.Options.ValidateCertificates ? (string[])[] : ["--tls-verify=false"],
        ];

        Dictionary<string, string> Environment(string folder)
        {
            var environment = home.EnvironmentFor(folder, request.Options.UseProxy, searchPath);
            // Locks in memory are shared with the host's podman, those in files are not.
            environment["CONTAINERS_CONF"] = home.Write("containers.conf", "[engine]\nlock_type = \"file\"\nevents_logger = \"none\"\ncgroup_manager = \"cgroupfs\"\n");
            // Its option for the run folder takes no long path.
            environment["CONTAINERS_STORAGE_CONF"] = home.Write("storage.conf", $"[storage]\ndriver = \"vfs\"\ngraphroot = \"{home.NewFolder("podman-root")}\"\nrunroot = \"{home.NewFolder("podman-run")}\"\n");
            foreach (var name in byVariables ? [] : environment.Keys.Where(name => name.StartsWith("CONTAINERS_REGISTRIES_CONF", StringComparison.Ordinal)).ToList())
                environment.Remove(name);
            return environment;
        }
    }

    public string Title { get; }

    public bool CopiesAll => true;

    /// <returns>Null where this host has no podman.</returns>
    /// <exception cref="ModuleException">It does not work.</exception>
    public static async Task<PodmanClient?> FindAsync(ClientHome home, ProofRequest request, SearchPath searchPath,
        CancellationToken cancellation)
    {
        if (searchPath.Find("podman") is not { } path)
            return null;
        var version = await new HostProgram(path, home.EnvironmentFor(home.Mirrored, useProxy: false, searchPath))
            .RunAsync(["--version"], ShortLimit, MaxTextBytes, cancellation);
        var words = Encoding.UTF8.GetString(version.Output).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return version.ExitCode == 0 && words is ["podman", "version", var number, ..]
            ? new PodmanClient(number, path, home, request, searchPath)
            : throw new ModuleException(ErrorCodes.Host, $"{path} does not say which podman it is: {ClientLog.LastWords(version.Errors)}", "install it again, or install skopeo");
    }

    public Task<ClientAnswer> ReadManifestAsync(Reference image, Digest? expected, CancellationToken cancellation) => PullAsync(mirrored, image, json =>
    {
        // A pulled index and its manifest for this platform are both there.
        var digests = (json["RepoDigests"] as JArray ?? []).Select(item => ((string?)item)?.Split('@')[^1]).Select(text => Digest.TryParse(text, out var digest) ? digest : (Digest?)null).OfType<Digest>().ToList();
        return expected is not null && digests.Contains(expected) ? expected : digests.Count > 0 ? digests[0] : null;
    }, cancellation);

    // It names an image by its configuration.
    public Task<ClientAnswer> ReadConfigAsync(Reference image, Digest expected, CancellationToken cancellation) =>
        PullAsync(mirrored, image, json => Digest.TryParse($"sha256:{(string?)json["Id"]}", out var id) ? id : null, cancellation);

    public Task<ClientAnswer> CopyAsync(Reference image, long bytes, CancellationToken cancellation) => ReadManifestAsync(image, image.Digest, cancellation);

    public Task<ClientAnswer> ReadWithoutMirrorsAsync(Reference image, CancellationToken cancellation) => PullAsync(unmirrored, image, _ => null, cancellation);

    async Task<ClientAnswer> PullAsync(HostProgram program, Reference image, Func<JObject, Digest?> got, CancellationToken cancellation)
    {
        await one.WaitAsync(cancellation);
        try
        {
            // What an earlier pull left would answer for this one, and this one needs the room.
            await program.RunAsync([.. options, "rmi", "--all", "--force"], PullLimit, MaxTextBytes, cancellation);
            string[] arguments = [.. options, .. pull, $"docker://{image}"];
            var command = program.CommandLine(arguments);
            var pulled = await program.RunAsync(arguments, PullLimit, MaxTextBytes, cancellation);
            if (ClientLog.LoadedFiles(pulled.Errors).FirstOrDefault(file => !home.Holds(file)) is { } foreign)
                return new ClientAnswer(command, null, $"it also read {foreign}, which may lead elsewhere", []);
            if (pulled.ExitCode != 0)
                return new ClientAnswer(command, null, ClientLog.LastWords(pulled.Errors), ClientLog.Places(pulled.Errors));
            var id = Encoding.UTF8.GetString(pulled.Output).Trim().Split('\n')[^1];
            const string Format = """{"Id": "{{.Id}}", "RepoDigests": {{json .RepoDigests}}}""";
            var inspected = await program.RunAsync(
                [.. options, "image", "inspect", "--format", Format, id], ShortLimit, Limits.DocumentBytes, cancellation);
            return inspected.ExitCode == 0 && Json.TryParseObject(Encoding.UTF8.GetString(inspected.Output)) is { } json && got(json) is { } digest
                ? new ClientAnswer(command, digest, "", ClientLog.Places(pulled.Errors))
                : new ClientAnswer(command, null, $"it pulled {id} and does not say what that is: {ClientLog.LastWords(inspected.Errors)}", ClientLog.Places(pulled.Errors));
        }
        finally
        {
            one.Release();
        }
    }

    public void Dispose() => one.Dispose();
}
