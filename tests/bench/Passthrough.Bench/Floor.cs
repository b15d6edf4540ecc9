using System.Globalization;
using System.Text;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Bench;

/// <summary>The least that the work costs: curl with keep-alive, four transfers at a time, every unique blob once, mounts and manifests to the same end.</summary>
sealed class Floor(TestFolder folder, string name, IReadOnlyDictionary<string, BuiltImage> images)
{
    const string AtOnce = "4";

    /// <summary>Brings everything into an empty registry.</summary>
    public async Task<TimeSpan> Load(DockerRegistry registry)
    {
        var files = Directory.CreateDirectory(folder[name]).FullName;
        var firsts = new List<(string Repository, BuiltBlob Blob)>();
        var mounts = new List<(string Repository, string From, BuiltBlob Blob)>();
        var places = new Dictionary<Digest, string>();
        foreach (var (reference, image) in images)
        {
            var repository = RepositoryOf(reference);
            foreach (var blob in image.AllBlobs)
            {
                if (places.TryGetValue(blob.Digest, out var from))
                    mounts.Add((repository, from, blob));
                else
                    firsts.Add((places[blob.Digest] = repository, blob));
            }
        }

        for (var i = 0; i < firsts.Count; i++)
            await WriteOnce(Path.Combine(files, $"blob{i}"), firsts[i].Blob.Bytes);
        var spent = await Curl(registry, firsts.Select((first, i) => $"url = \"{registry.Address}v2/{first.Repository}/blobs/uploads/\"\nrequest = POST\ndata = \"\"\ndump-header = \"{files}/head{i}\"\n"));
        var puts = firsts.Select((first, i) => $"url = \"{LocationOf($"{files}/head{i}", registry)}digest={Uri.EscapeDataString(first.Blob.Digest.ToString())}\"\nupload-file = \"{files}/blob{i}\"\nheader = \"Content-Type: application/octet-stream\"\n").ToList();
        spent += await Curl(registry, puts);
        if (mounts.Count > 0)
            spent += await Curl(registry, mounts.Select(mount => $"url = \"{registry.Address}v2/{mount.Repository}/blobs/uploads/?mount={Uri.EscapeDataString(mount.Blob.Digest.ToString())}&from={mount.From}\"\nrequest = POST\ndata = \"\"\n"));
        var manifests = new List<string>();
        var roots = new List<string>();
        foreach (var (reference, image) in images)
        {
            foreach (var manifest in image.Manifests)
            {
                var file = Path.Combine(files, manifest.Digest.Hex);
                await WriteOnce(file, manifest.Manifest.Bytes.ToArray());
                var isRoot = manifest.Digest == image.Digest;
                (isRoot ? roots : manifests).Add($"url = \"{registry.Address}v2/{RepositoryOf(reference)}/manifests/{(isRoot ? reference[(reference.LastIndexOf(':') + 1)..] : manifest.Digest)}\"\nupload-file = \"{file}\"\nheader = \"Content-Type: {manifest.Manifest.MediaType}\"\n");
            }
        }

        return spent + await Curl(registry, manifests) + await Curl(registry, roots);
    }

    /// <summary>Reads every unique blob once and joins them in one file.</summary>
    public async Task<TimeSpan> Save(DockerRegistry registry)
    {
        var files = Directory.CreateDirectory(folder["floor-save"]).FullName;
        var requests = new List<string>();
        var seen = new HashSet<Digest>();
        foreach (var (reference, image) in images)
        {
            foreach (var blob in image.AllBlobs.Where(blob => seen.Add(blob.Digest)))
                requests.Add($"url = \"{registry.Address}v2/{RepositoryOf(reference)}/blobs/{blob.Digest}\"\noutput = \"{files}/{blob.Digest.Hex}\"\n");
        }

        var spent = await Curl(registry, requests, isDownload: true);
        var join = (await Command.Run(["sh", "-c", "cat floor-save/* > floor.tar"], new CommandSettings { WorkingDirectory = folder.Path })).MustSucceed();
        Directory.Delete(files, recursive: true);
        File.Delete(folder["floor.tar"]);
        return spent + join.Duration;
    }

    public static string RepositoryOf(string name) => "mirror/" + name[..name.LastIndexOf(':')];

    async Task<TimeSpan> Curl(DockerRegistry registry, IEnumerable<string> requests, bool isDownload = false)
    {
        var common = new StringBuilder($"cacert = \"{registry.CaFile}\"\nfail\nsilent\nshow-error\nhttp1.1\n");
        if (registry.UserName is not null)
            common.Append(CultureInfo.InvariantCulture, $"user = \"{registry.UserName}:{registry.Password}\"\n");
        if (!isDownload)
            common.Append("output = \"/dev/null\"\n");
        var configuration = folder.Write("curl.conf", string.Join("next\n", requests.Select(request => common + request)));
        return (await Command.Run(["curl", "-Z", "--parallel-max", AtOnce, "-K", configuration], new CommandSettings { Timeout = TimeSpan.FromMinutes(30) })).MustSucceed().Duration;
    }

    static string LocationOf(string head, DockerRegistry registry)
    {
        var location = File.ReadLines(head).First(line => line.StartsWith("Location:", StringComparison.OrdinalIgnoreCase))["Location:".Length..].Trim();
        return new Uri(registry.Address, location).AbsoluteUri + (location.Contains('?', StringComparison.Ordinal) ? "&" : "?");
    }

    static async Task WriteOnce(string file, byte[] bytes)
    {
        if (!File.Exists(file))
            await File.WriteAllBytesAsync(file, bytes);
    }
}
