using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Testing.Processes;

namespace Passthrough.Testing.Registries;

/// <summary>A real docker-registry (Debian's build of distribution) on a free port of 127.0.0.1.</summary>
public sealed partial class DockerRegistry : IAsyncDisposable
{
    readonly DockerRegistrySettings settings;
    readonly string folder;
    readonly HttpClient client;
    ServerProcess? server;
    int markers;

    DockerRegistry(string folder, DockerRegistrySettings settings)
    {
        this.folder = Directory.CreateDirectory(folder).FullName;
        this.settings = settings;
        Storage = settings.Storage ?? Path.Combine(this.folder, "storage");
        Directory.CreateDirectory(Storage);
        client = new HttpClient(Handler(settings.Pki)) { Timeout = TimeSpan.FromSeconds(30) };
        client.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("passthrough-tests", "1"));
        if (settings.Accounts is { Count: > 0 } accounts)
        {
            (UserName, Password) = accounts.First();
            foreach (var (user, password) in accounts)
                SuiteOutput.Secret(password, user);
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{UserName}:{Password}")));
        }
    }

    public static string Host => "127.0.0.1";

    public int Port { get; private set; }

    /// <summary><c>127.0.0.1:port</c>, as references name it.</summary>
    public string Name => $"{Host}:{Port}";

    public Uri Address => new($"{(settings.Pki is null ? "http" : "https")}://{Name}/");

    public string? UserName { get; }

    public string? Password { get; }

    public string? CaFile => settings.Pki?.CaFile;

    public Pki? Pki => settings.Pki;

    /// <summary>Where its content lies.</summary>
    public string Storage { get; }

    /// <summary>Everything it printed since its last start, access log included.</summary>
    public IReadOnlyList<string> Log => server?.Log ?? [];

    /// <summary>What it has taken of the processors since it started.</summary>
    public TimeSpan ProcessorTime => server!.ProcessorTime;

    /// <summary>Starts the registry and waits until it answers.</summary>
    /// <param name="folder">Its configuration and, by default, its content.</param>
    /// <param name="settings">What it offers; by default plain HTTP for anybody.</param>
    public static async Task<DockerRegistry> Start(string folder, DockerRegistrySettings? settings = null)
    {
        var registry = new DockerRegistry(folder, settings ?? new DockerRegistrySettings());
        try
        {
            await registry.Launch(registry.settings.Port);
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops it, so that its port refuses connections.</summary>
    public async Task Stop()
    {
        if (server is not null)
            await server.DisposeAsync();
        server = null;
    }

    /// <summary>Starts it again on the same port with the same content.</summary>
    public Task Restart() => Launch(Port);

    /// <summary>Removes manifests with their tags, as a user with curl does.</summary>
    public async Task Delete(string repository, params IEnumerable<Core.Oci.Digest> manifests)
    {
        foreach (var manifest in manifests)
        {
            using var answer = await client.DeleteAsync(new Uri(Address, $"/v2/{repository}/manifests/{manifest}"));
            answer.EnsureSuccessStatusCode();
        }
    }

    /// <summary>Runs its own collection of garbage, as its documentation says: while it does not serve.</summary>
    /// <param name="deleteUntagged">With <c>--delete-untagged</c>, which counts the manifests below an index as untagged.</param>
    public async Task CollectGarbage(bool deleteUntagged)
    {
        await Stop();
        string[] command = [Checkout.Tool("docker-registry", "usr/bin/docker-registry"), "garbage-collect", .. deleteUntagged
            ? new[] { "--delete-untagged" } : [], Path.Combine(folder, "config.yml")];
        (await Command.Run(command[0], command[1..])).MustSucceed();
        await Restart();
    }

    /// <summary>Where the bytes of a blob or manifest lie.</summary>
    public string FileOf(Core.Oci.Digest digest) =>
        Path.Combine(Storage, "docker/registry/v2/blobs/sha256", digest.Hex[..2], digest.Hex, "data");

    /// <summary>The number of requests answered so far: give it to <see cref="Requests"/> later.</summary>
    public async Task<int> Mark() => (await Requests()).Count;

    /// <summary>
    /// The requests it has answered, ours left out. A line is logged when its answer is complete, so a marker request goes in and is waited for.
    /// </summary>
    /// <param name="since">Leaves out this many of the oldest ones.</param>
    public async Task<IReadOnlyList<RegistryRequest>> Requests(int since = 0)
    {
        var marker = $"/v2/?marker={Interlocked.Increment(ref markers)}";
        using (await client.GetAsync(new Uri(Address, marker)))
        {
        }

        await server!.WaitForLine<bool>(line => RegistryRequest.Parse(line) is { } request && request.Path == marker ? true : null);
        return [.. Log.Select(RegistryRequest.Parse).OfType<RegistryRequest>().Where(request => !request.UserAgent.StartsWith("passthrough-tests", StringComparison.Ordinal)).Skip(since)];
    }

    /// <summary>Waits until it has been quiet for a while: it finishes an upload that had arrived whole also when its client is gone, and logs it then.</summary>
    public async Task Settle()
    {
        for (int before = -1, now = Log.Count; before != now; (before, now) = (now, Log.Count))
            await Task.Delay(TimeSpan.FromSeconds(1));
    }

    /// <summary>The requests that asked it to change something.</summary>
    public async Task<IReadOnlyList<RegistryRequest>> Writes(int since = 0) => [.. (await Requests(since)).Where(request => request.IsWrite)];

    /// <summary>A client that trusts it and carries the first account.</summary>
    public HttpClient Client => client;

    /// <summary>Writes an auth file for it, as docker and podman have them.</summary>
    /// <returns>The path.</returns>
    public string WriteAuthFile(string path)
    {
        var auth = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{UserName}:{Password}"));
        var auths = new JObject();
        if (UserName is not null)
            auths[Name] = new JObject { ["auth"] = auth };
        File.WriteAllText(path, new JObject { ["auths"] = auths }.ToString());
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    /// <summary>Parameters of our modules that lead to it, without credentials.</summary>
    public Dictionary<string, object?> Parameters()
    {
        var parameters = new Dictionary<string, object?> { ["registry_type"] = "distribution", ["registry_host"] = Host, ["registry_port"] = Port };
        if (settings.Pki is { } pki)
            parameters["ca_path"] = pki.CaFile;
        else
            parameters["scheme"] = "http";
        return parameters;
    }

    /// <summary>Credentials of the first account, as our modules take them from the environment.</summary>
    public Dictionary<string, string?> Environment() =>
        UserName is null ? [] : new() { ["REGISTRY_USERNAME"] = UserName, ["REGISTRY_PASSWORD"] = Password };

    public async ValueTask DisposeAsync()
    {
        await Stop();
        client.Dispose();
    }

    async Task Launch(int port)
    {
        var configuration = Path.Combine(folder, "config.yml");
        await File.WriteAllTextAsync(configuration, await Configuration(port));
        server = await ServerProcess.Start([Checkout.Tool("docker-registry", "usr/bin/docker-registry"), "serve", configuration], new Dictionary<string, string?>());
        // With port 0 the kernel gives a free one, which the registry names when it listens.
        Port = await server.WaitForLine<int>(line => Listening().Match(line) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null);
        using var answer = await client.GetAsync(new Uri(Address, "/v2/"));
        answer.EnsureSuccessStatusCode();
    }

    async Task<string> Configuration(int port)
    {
        var text = new StringBuilder($"""
            version: 0.1
            log:
              level: info
              accesslog:
                disabled: false
            storage:
              filesystem:
                rootdirectory: {Storage}
              delete:
                enabled: {(settings.DeleteEnabled ? "true" : "false")}
              maintenance:
                readonly:
                  enabled: {(settings.ReadOnly ? "true" : "false")}
                uploadpurging:
                  enabled: false
            http:
              addr: {Host}:{port}
              secret: one-secret-for-restarts

            """);
        if (settings.Pki is { } pki)
        {
            var (certificate, key) = pki.Issue(Path.GetFileName(folder), settings.HostNames);
            text.Append($"""
                  tls:
                    certificate: {certificate}
                    key: {key}

                """);
        }

        if (settings.Accounts is { } accounts)
        {
            var htpasswd = Path.Combine(folder, "htpasswd");
            var lines = new List<string>();
            foreach (var (user, password) in accounts)
                lines.Add((await Command.Run("htpasswd", "-B", "-C", "4", "-bn", user, password)).MustSucceed().Output.Trim());
            await File.WriteAllLinesAsync(htpasswd, lines);
            text.Append($"""
                auth:
                  htpasswd:
                    realm: test registry
                    path: {htpasswd}

                """);
        }

        return text.ToString();
    }

    static HttpClientHandler Handler(Pki? pki) => new()
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        ServerCertificateCustomValidationCallback = (_, certificate, _, _) =>
        {
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            chain.ChainPolicy.CustomTrustStore.Add(X509Certificate2.CreateFromPem(File.ReadAllText(pki!.CaFile)));
            return chain.Build(certificate!);
        },
    };

    [GeneratedRegex("""listening on [0-9.]+:([0-9]+)""", RegexOptions.None, 1000)]
    private static partial Regex Listening();
}
