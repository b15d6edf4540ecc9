using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>
/// Two real registries and some images: an upstream that plays all the world's registries (plain HTTP, anybody, one folder a registry name) and
/// a local mirror (TLS from a CA of this run, htpasswd). Each test class has its own, so that classes run side by side.
/// </summary>
public sealed class Stage : IAsyncLifetime
{
    public const string UserName = "pusher";

    /// <summary>Has characters that shells, URLs, JSON and YAML treat in their own ways.</summary>
    public const string Password = "T0p&s3cret/+%w{0}rd: 'x";

    static readonly string[] UpstreamNames = ["quay.io", "registry.redhat.io", "docker.io"];

    public TestFolder Folder { get; } = new("stage");

    public Pki Pki { get; private set; } = null!;

    public DockerRegistry Upstream { get; private set; } = null!;

    public DockerRegistry Mirror { get; private set; } = null!;

    /// <summary>What is upstream, by the name that workloads use. Three of them share a layer.</summary>
    public IReadOnlyDictionary<string, BuiltImage> Images { get; } = MakeImages();

    /// <summary>Leads the upstream names to the local upstream.</summary>
    public Dictionary<string, object?> PullFrom => UpstreamNames.ToDictionary(name => name, name => (object?)$"http://{Upstream.Name}/{name}");

    public Dictionary<string, string?> Credentials => Mirror.Environment();

    public CommandSettings WithCredentials => new() { Environment = Credentials };

    public async Task InitializeAsync()
    {
        Pki = new Pki(Folder["pki"]);
        Upstream = await DockerRegistry.Start(Folder["upstream"]);
        Mirror = await DockerRegistry.Start(Folder["mirror"], new() { Pki = Pki, Accounts = new Dictionary<string, string> { [UserName] = Password } });
        foreach (var (name, image) in Images)
        {
            var reference = Reference.Parse(name);
            await Upstream.Push(image, reference.Name, reference.Tag ?? "by-digest");
        }
    }

    public async Task DisposeAsync()
    {
        await Upstream.DisposeAsync();
        await Mirror.DisposeAsync();
        Pki.Dispose();
        Folder.Dispose();
    }

    public AnsibleRunner Ansible(SecretCollector? collector = null) => new(Folder[$"ansible-{Guid.NewGuid():N}"[..16]]) { Collector = collector };

    public Skopeo Skopeo() => new(Folder["skopeo"]);

    /// <summary>Parameters of a module that talks to the mirror.</summary>
    public Dictionary<string, object?> ToMirror(params (string Name, object? Value)[] more)
    {
        var parameters = Mirror.Parameters();
        foreach (var (name, value) in more)
            parameters[name] = value;
        return parameters;
    }

    /// <summary>Parameters of <c>image_archive</c> that save all images.</summary>
    public Dictionary<string, object?> SaveAll(string path) => new()
    {
        ["state"] = "saved",
        ["path"] = path,
        ["images"] = Images.Keys.ToArray(),
        ["pull_from"] = PullFrom,
    };

    /// <summary>Saves all images.</summary>
    /// <returns>The archive's path.</returns>
    public async Task<string> Archive(string name = "set.tar")
    {
        var path = Path.Combine(Folder.Folder("archives"), name);
        if (!File.Exists(path))
            (await NativeModule.Run("image_archive", SaveAll(path))).MustSucceed();
        return path;
    }

    /// <summary>A reference's repository and tag or digest in the mirror, by the guide's rule.</summary>
    public static string MirrorPath(string source)
    {
        var reference = Reference.Parse(source);
        return $"mirror/{reference.Name}{(reference.Tag is { } tag ? ":" + tag : "@" + reference.Digest)}";
    }

    static Dictionary<string, BuiltImage> MakeImages()
    {
        var shared = ImageBuilder.Layer("shared", 200_000);
        var digestOnly = ImageBuilder.MultiArch("payload", [shared]);
        return new()
        {
            // The guide's two examples.
            ["quay.io/centos/centos:stream8"] = ImageBuilder.MultiArch("centos", [shared]),
            ["registry.redhat.io/rhel8/httpd-24:latest"] = ImageBuilder.MultiArch("httpd", docker: true),
            ["quay.io/team/tool:v1"] = ImageBuilder.Image([shared, ImageBuilder.Layer("tool")]),
            ["docker.io/library/web:1.27"] = ImageBuilder.Index([ImageBuilder.MultiArch("web"), ImageBuilder.Image([ImageBuilder.Layer("arm")], new Platform("linux", "arm", "v7"))]),
            [$"quay.io/openshift/payload@{digestOnly.Digest}"] = digestOnly,
        };
    }
}
