using System.Formats.Tar;
using System.IO.Compression;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;

namespace Passthrough.Demo;

/// <summary>
/// Real programs in real multi-arch images: every layer is the content of Debian packages, for amd64 and for arm64. Packages and images are kept
/// under <c>artifacts/demo/cache</c>; the same packages always give the same digests.
/// </summary>
static class DemoImages
{
    static readonly Platform[] Platforms = [new("linux", "amd64"), new("linux", "arm64")];

    // One layer a line; the first two are in every image.
    static readonly string[] Base = ["libc6 libcrypt1 libgcc-s1 zlib1g", "busybox-static"];

    /// <summary>What the demo mirrors: the names that workloads use, and the packages on top of the base.</summary>
    public static IReadOnlyList<(string Name, string[] Packages)> Recipes { get; } =
    [
        ("quay.io/demo/busybox:1.0", []),
        ("quay.io/demo/hello:1.0", ["hello"]),
        ("quay.io/demo/jq:1.0", ["jq libjq1 libonig5"]),
        ("registry.access.redhat.com/demo/tini:1.0", ["tini"]),
        ("quay.io/demo/perl:1.0", ["perl-base"]),
    ];

    /// <summary>The packages of one image, for people to read.</summary>
    public static string Contents(string[] packages) => string.Join(" ", Base.Concat(packages));

    /// <summary>Builds the images, from the cache where they are there.</summary>
    public static async Task<IReadOnlyList<DemoImage>> Build(string cache)
    {
        var layers = new Dictionary<(string Packages, Platform Platform), BuiltBlob>();
        foreach (var packages in Base.Concat(Recipes.SelectMany(recipe => recipe.Packages)))
        {
            foreach (var platform in Platforms)
                layers[(packages, platform)] = await Layer(cache, packages, platform);
        }

        return [.. Recipes.Select(recipe => new DemoImage(
            Reference.Parse(recipe.Name),
            ImageBuilder.Index([.. Platforms.Select(platform => ImageBuilder.Image([.. Base.Concat(recipe.Packages).Select(packages => layers[(packages, platform)])], platform))]),
            Contents(recipe.Packages)))];
    }

    static async Task<BuiltBlob> Layer(string cache, string packages, Platform platform)
    {
        var name = $"{packages.Split(' ')[0]}-{platform.Architecture}";
        var folder = Path.Combine(cache, name);
        var (file, diffFile) = (Path.Combine(cache, name + ".tar.gz"), Path.Combine(cache, name + ".diff-id"));
        if (!File.Exists(diffFile))
        {
            (await Command.Run(
                [Checkout.PathOf("scripts", "unpack-debs"), "--arch", platform.Architecture, "host", folder, .. packages.Split(' ')],
                new CommandSettings { Timeout = TimeSpan.FromMinutes(10) })).MustSucceed();
            var tar = Tar(folder);
            using (var stream = File.Create(file))
            using (var gzip = new GZipStream(stream, CompressionLevel.Optimal))
                gzip.Write(tar);
            File.WriteAllText(diffFile, Digest.Sha256(tar).ToString());
            Directory.Delete(folder, recursive: true);
        }

        return new BuiltBlob(MediaTypes.OciLayerGzip, await File.ReadAllBytesAsync(file)) { DiffId = Digest.Parse(await File.ReadAllTextAsync(diffFile)) };
    }

    static byte[] Tar(string folder)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, TarEntryFormat.Gnu, leaveOpen: true))
        {
            var entries = new DirectoryInfo(folder).EnumerateFileSystemInfos("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None });
            foreach (var entry in entries.Where(entry => entry.Name != ".unpacked").OrderBy(entry => entry.FullName, StringComparer.Ordinal))
                writer.WriteEntry(Entry(entry, Path.GetRelativePath(folder, entry.FullName)));
        }

        return tar.ToArray();
    }

    static GnuTarEntry Entry(FileSystemInfo file, string name)
    {
        var type = file.LinkTarget is not null ? TarEntryType.SymbolicLink : file is DirectoryInfo ? TarEntryType.Directory : TarEntryType.RegularFile;
        var entry = new GnuTarEntry(type, type == TarEntryType.Directory ? name + "/" : name)
        {
            ModificationTime = DateTimeOffset.UnixEpoch,
            AccessTime = default,
            ChangeTime = default,
        };
        if (file.LinkTarget is { } target)
            entry.LinkName = target;
        else
            entry.Mode = file.UnixFileMode;
        if (type == TarEntryType.RegularFile)
            entry.DataStream = new MemoryStream(File.ReadAllBytes(file.FullName));
        return entry;
    }
}

/// <summary>An image of the demo.</summary>
/// <param name="Source">The name workloads use.</param>
/// <param name="Image">What it is.</param>
/// <param name="Contents">Its packages, for people to read.</param>
sealed record DemoImage(Reference Source, BuiltImage Image, string Contents)
{
    /// <summary>Bytes of all its blobs and manifests.</summary>
    public long Size => Image.AllBlobs.Sum(blob => (long)blob.Bytes.Length) + Image.Manifests.Sum(manifest => (long)manifest.Manifest.Bytes.Length);
}
