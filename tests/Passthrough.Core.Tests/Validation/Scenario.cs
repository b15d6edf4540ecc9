using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Core.Validation;
using Passthrough.Testing.Images;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Validation;

/// <summary>A delivered image: what it is, what it is called upstream, and where in the mirror it lies.</summary>
sealed record Delivered(Reference Upstream, BuiltImage Image, string Repository, string Tag);

/// <summary>
/// One state of the world: images in a registry, a registries.conf, and what a user would give to validation. It starts whole; tests change it before they run the proof.
/// </summary>
sealed class Scenario
{
    static int count;

    public Scenario(ProofStage stage, StageRegistry registry = StageRegistry.Secured)
    {
        Stage = stage;
        Registry = registry switch { StageRegistry.Open => stage.Open, StageRegistry.Plain => stage.Plain, _ => stage.Secured };
        Mirror = Registry.Name;
        Namespace = $"m{Interlocked.Increment(ref count).ToString(CultureInfo.InvariantCulture)}";
        Scheme = Registry.Pki is null ? "http" : "https";
        CaPath = Registry.CaFile;
        if (Registry.UserName is not null)
            Credential = new Credential { Username = Registry.UserName, Password = Registry.Password };
    }

    public ProofStage Stage { get; }

    public DockerRegistry Registry { get; }

    /// <summary>The mirror as entries name it.</summary>
    public string Mirror { get; set; }

    /// <summary>The registry as the user names it.</summary>
    public string? Host { get; set; }

    /// <summary>What stands in the place of <c>mirror</c>, so that scenarios can share a registry.</summary>
    public string Namespace { get; }

    public string Scheme { get; set; }

    public string? CaPath { get; set; }

    public bool ValidateCertificates { get; set; } = true;

    public Credential? Credential { get; set; }

    public string? AuthFile { get; set; }

    /// <summary>A certs.d folder in which this host keeps the registry's trust.</summary>
    public string? CertsD { get; set; }

    public bool Deep { get; set; }

    public string? SearchPath { get; set; }

    /// <summary>What is in the record.</summary>
    public List<Delivered> Images { get; } = [];

    /// <summary>What the user names beside it.</summary>
    public List<string> Named { get; } = [];

    /// <summary>The redirection, entry by entry.</summary>
    public List<Entry> Entries { get; } = [];

    /// <summary>Text after the entries.</summary>
    public string After { get; set; } = "";

    /// <summary>How the file is written.</summary>
    public Func<string, string> Layout { get; set; } = text => text;

    /// <summary>A scenario as a seed gives it: one or two sources; an index and images of other kinds, with tags and without.</summary>
    public static async Task<Scenario> Create(ProofStage stage, StageRegistry registry, Random random)
    {
        var scenario = new Scenario(stage, registry);
        var sources = new[] { "quay.io", "registry.redhat.io", "docker.io", "registry.example.com:5000", "ghcr.io" };
        random.Shuffle(sources);
        sources = sources[..random.Next(1, 3)];
        var images = random.Next(1, 4);
        for (var i = 0; i < images; i++)
        {
            var name = $"{scenario.Namespace}-{i}-{random.Next()}";
            var docker = random.Next(3) == 0;
            var shared = ImageBuilder.Layer($"{scenario.Namespace}-shared", random.Next(10, 2000), docker);
            var image = i == 0 || random.Next(2) == 0 ? ImageBuilder.MultiArch(name, random.Next(2) == 0 ? [shared] : null, random.Next(10, 3000), docker) : ImageBuilder.Image([shared, ImageBuilder.Layer(name, random.Next(10, 3000), docker)], docker: docker);
            var source = sources[i % sources.Length];
            await scenario.Deliver(i > 0 && random.Next(3) == 0 ? $"{source}/team/app{i}@" : $"{source}/team/app{i}:v{random.Next(9)}", image);
        }

        foreach (var source in sources)
            scenario.Redirect(source, blocked: random.Next(2) == 0, insecure: registry == StageRegistry.Plain);
        return scenario;
    }

    /// <summary>One that was delivered with its tag.</summary>
    public Delivered Tagged(Random random) => Breakage.Pick(random, [.. Images.Where(image => image.Upstream.Tag is not null)]);

    /// <summary>One of several platforms.</summary>
    public Delivered Index(Random random) => Breakage.Pick(random, [.. Images.Where(image => image.Image.Children.Count > 0)]);

    public Entry EntryOf(Delivered image) => Entries.Single(entry => entry.Source == image.Upstream.Registry);

    /// <summary>Pushes an image as a delivery does, by the naming rule.</summary>
    public async Task<Delivered> Deliver(string upstream, BuiltImage image)
    {
        var reference = Reference.Parse(upstream == "@" || upstream.EndsWith('@') ? $"{upstream}{image.Digest}" : upstream);
        var delivered = new Delivered(reference, image, $"{Namespace}/{reference.Registry.Replace(':', '_')}/{reference.Repository}", reference.Tag ?? $"sha256-{image.Digest.Hex}.image");
        await Registry.Push(image, delivered.Repository, delivered.Tag);
        Images.Add(delivered);
        return delivered;
    }

    /// <summary>The entry that our renderer gives a source: one mirror for digests, one for tags.</summary>
    public Entry Redirect(string source, bool blocked = false, bool insecure = false)
    {
        var location = $"{Mirror}/{Namespace}/{source.Replace(':', '_')}";
        var entry = new Entry(source) { Blocked = blocked, Mirrors = [new(location, "digest-only", insecure), new(location, "tag-only", insecure)] };
        Entries.Add(entry);
        return entry;
    }

    public ProofRequest Request()
    {
        var file = Write("registries-distribution.conf", Conf());
        var endpoint = RegistryEndpoint.Parse(Host ?? Registry.Name, scheme: Scheme);
        var options = new ConnectionOptions { CaPath = CaPath, ValidateCertificates = ValidateCertificates, Retries = 0, UseProxy = false };
        return new ProofRequest
        {
            RegistriesConf = file,
            Endpoint = endpoint,
            Options = CertsD is null ? options : options.WithCertificatesOf(endpoint, name => name == "XDG_CONFIG_HOME" ? CertsD : null),
            Credentials = AuthFile is null ? new GivenCredential(endpoint.Authority, Credential) : new AuthFiles(AuthFile),
            AuthFile = AuthFile,
            Deep = Deep,
            SearchPath = SearchPath,
            Images =
            [
                .. Images.Select(image => new ProofImage(image.Upstream) { Digest = image.Image.Digest, Target = Reference.Parse($"{endpoint.Authority}/{image.Repository}:{image.Tag}") }),
                .. Named.Select(name => new ProofImage(Reference.Parse(name))),
            ],
        };
    }

    /// <summary>A file of the scenario's own.</summary>
    public string Write(string name, string text) => Stage.Folder.Write(Path.Combine("conf", Namespace, name), text);

    /// <summary>An auth file with the right password under each of the keys.</summary>
    public string WriteAuthFile(params string[] keys) => Write("auth.json", Json.Indented(new JObject
    {
        ["auths"] = new JObject(keys.Select(key => new JProperty(key, new JObject { ["auth"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{ProofStage.UserName}:{ProofStage.Password}")) }))),
    }));

    public Task<ProofReport> Prove(CancellationToken cancellation = default) => RedirectionProof.RunAsync(Request(), cancellation);

    public string Conf()
    {
        var text = new StringBuilder();
        foreach (var entry in Entries)
            text.Append(entry);
        return Layout(text.Append(After).ToString());
    }

    // What happens in a registry's storage: the file system driver of distribution 2.8.

    public void RemoveTag(Delivered image) => Directory.Delete(Stored("repositories", image.Repository, "_manifests", "tags", image.Tag), recursive: true);

    public void RemoveManifest(Delivered image, Digest digest) => Directory.Delete(Stored("repositories", image.Repository, "_manifests", "revisions", "sha256", digest.Hex), recursive: true);

    public void RemoveRepository(Delivered image) => Directory.Delete(Stored("repositories", image.Repository), recursive: true);

    /// <summary>Its bytes are gone, for every repository.</summary>
    public void RemoveBlob(Digest digest) => Directory.Delete(Stored("blobs", "sha256", digest.Hex[..2], digest.Hex), recursive: true);

    /// <summary>The repository no longer knows it; its bytes are still there.</summary>
    public void UnlinkBlob(Delivered image, Digest digest) => Directory.Delete(Stored("repositories", image.Repository, "_layers", "sha256", digest.Hex), recursive: true);

    /// <summary>No bytes: what a full disk or a crash can leave.</summary>
    public void EmptyBlob(Digest digest) =>
        File.WriteAllBytes(Path.Combine(Stored("blobs", "sha256", digest.Hex[..2], digest.Hex), "data"), []);

    /// <summary>Other bytes, as many.</summary>
    public void DamageBlob(Digest digest)
    {
        var path = Path.Combine(Stored("blobs", "sha256", digest.Hex[..2], digest.Hex), "data");
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 0xff;
        File.WriteAllBytes(path, bytes);
    }

    string Stored(params string[] path) => Path.Combine([Registry.Storage, "docker", "registry", "v2", .. path]);
}

/// <summary>One <c>[[registry]]</c> as the test wants it written: our own renderer has no say in it.</summary>
sealed class Entry(string source)
{
    public string Source { get; set; } = source;

    /// <summary>What names are rewritten to; null for nothing else.</summary>
    public string? Location { get; set; }

    public bool Insecure { get; set; }

    public bool Blocked { get; set; }

    public bool DigestOnly { get; set; }

    public List<EntryMirror> Mirrors { get; set; } = [];

    public override string ToString()
    {
        var text = new StringBuilder("[[registry]]\n");
        text.Append(CultureInfo.InvariantCulture, $"{(Source.StartsWith('*') ? "prefix" : "location")} = \"{Source}\"\n");
        if (Location is not null)
            text.Replace("location =", "prefix =").Append(CultureInfo.InvariantCulture, $"location = \"{Location}\"\n");
        if (Insecure)
            text.Append("insecure = true\n");
        if (Blocked)
            text.Append("blocked = true\n");
        if (DigestOnly)
            text.Append("mirror-by-digest-only = true\n");
        foreach (var mirror in Mirrors)
        {
            text.Append(CultureInfo.InvariantCulture, $"[[registry.mirror]]\nlocation = \"{mirror.Location}\"\n");
            if (mirror.Insecure)
                text.Append("insecure = true\n");
            if (mirror.Pull is not null)
                text.Append(CultureInfo.InvariantCulture, $"pull-from-mirror = \"{mirror.Pull}\"\n");
        }

        return text.Append('\n').ToString();
    }
}

sealed record EntryMirror(string Location, string? Pull = null, bool Insecure = false);
