using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// Archives that are, or will be, where a differential goes, or what a registry has already: layers of theirs stay out of it. What an archive left to its
/// own bases counts too, since whoever loads it must have loaded those.
/// </summary>
public sealed class BaseArchives
{
    /// <summary>A base layer is in hundreds of repositories; from one it can be mounted.</summary>
    public const int MostRepositories = 3;

    public static readonly BaseArchives None = new([]);

    readonly ImmutableArray<BaseArchive> all;

    BaseArchives(ImmutableArray<BaseArchive> all) => this.all = all;

    public IReadOnlyList<BaseArchive> All => all;

    /// <param name="paths">Sidecars <c>….manifest.json</c>, states of a registry (<see cref="RegistryState"/>), or archives of any format; of an archive its sidecar is read where there is one.</param>
    /// <exception cref="ModuleException">One of them cannot be read, or is none.</exception>
    public static async Task<BaseArchives> ReadAsync(IReadOnlyList<string> paths, CancellationToken cancellation)
    {
        var read = ImmutableArray.CreateBuilder<BaseArchive>();
        foreach (var path in paths)
        {
            if (IsSidecar(path))
                read.Add(BaseArchive.OfSidecar(path));
            else if (File.Exists(ArchiveSaver.ManifestPath(path)))
                read.Add(BaseArchive.OfSidecar(ArchiveSaver.ManifestPath(path)));
            else
                read.Add(await BaseArchive.OfArchiveAsync(path, cancellation));
        }

        return new BaseArchives(read.ToImmutable());
    }

    /// <summary>Who has the blob; null where it must travel.</summary>
    public LeftBlob? Find(Descriptor blob)
    {
        foreach (var archive in all)
        {
            if (archive.Blobs.TryGetValue(blob.Digest, out var known) && known.Size == blob.Size)
                return new LeftBlob(blob, archive.Id, known.Repositories);
        }

        return null;
    }

    // A tar begins with the name of its first member, a sidecar with a brace.
    static bool IsSidecar(string path)
    {
        try
        {
            if (!File.Exists(path))
                return false;
            using var file = InputFile.Open(path);
            Span<byte> first = stackalloc byte[1];
            return RandomAccess.Read(file, first, fileOffset: 0) == 1 && first[0] == '{';
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"base {path} cannot be read: {e.Message}", "make it readable for the user that runs the task", e);
        }
    }
}

/// <summary>What is known about one archive, or one registry, that a differential builds on.</summary>
/// <param name="Id">Its UUID.</param>
/// <param name="Name">What its file is called; of a registry <c>host[:port]</c>.</param>
/// <param name="Blobs">What is there once it is loaded.</param>
public sealed record BaseArchive(string Id, string Name, IReadOnlyDictionary<Digest, BaseBlob> Blobs)
{
    /// <summary>Whether it is what a registry had.</summary>
    public bool IsRegistry { get; private init; }

    internal static BaseArchive OfSidecar(string path)
    {
        var json = ReadJson(path);
        if (json["id"] is not JValue { Value: string id } || json["blobs"] is not JArray blobs)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"base {path} is no sidecar of an archive", "give the file ….manifest.json that was written beside an archive, the archive, or what state_path has written");
        var repositories = ImmutableArray.CreateBuilder<string>();
        foreach (var image in json["images"] as JArray ?? [])
        {
            if (repositories.Count < BaseArchives.MostRepositories && (image as JObject)?["ref"] is JValue { Value: string name } && Reference.TryParse(name, out var reference, out _) && !repositories.Contains(reference.Name))
                repositories.Add(reference.Name);
        }

        var known = new Dictionary<Digest, BaseBlob>();
        foreach (var token in blobs)
            Read(token as JObject, known, repositories.ToImmutable());
        foreach (var token in json["external_blobs"] as JArray ?? [])
        {
            if (token is JObject { } left && left["base"] is not null)
                Read(left, known, repositories.ToImmutable());
        }

        if (json["registry"] is JValue { Value: string registry })
            return new BaseArchive(id, registry, known) { IsRegistry = true };
        var file = System.IO.Path.GetFileName(path);
        return new BaseArchive(id, file.EndsWith(".manifest.json", StringComparison.Ordinal) ? file[..^".manifest.json".Length] : file, known);
    }

    internal static async Task<BaseArchive> OfArchiveAsync(string path, CancellationToken cancellation)
    {
        using var archive = ArchiveFormats.Open(path);
        var known = new Dictionary<Digest, BaseBlob>();
        foreach (var image in archive.Images)
        {
            if (!image.HasManifest || image.Reference is null)
                continue;
            var tree = await ManifestTree.ReadAsync(archive, ArchiveContents.NameOf(image), cancellation);
            foreach (var blob in tree.Blobs)
            {
                if (archive.Has(blob) || archive.IsLeftToBase(blob.Digest))
                    known[blob.Digest] = known.TryGetValue(blob.Digest, out var other) ? other.And(image.Reference.Name) : new BaseBlob(blob.Size, [image.Reference.Name]);
            }
        }

        return new BaseArchive(archive.Id, System.IO.Path.GetFileName(path), known);
    }

    static JObject ReadJson(string path)
    {
        try
        {
            return Json.TryParseObject(InputFile.ReadAllText(path)) ?? throw new ModuleException(
                ErrorCodes.InvalidArgument,
                $"base {path} is no valid JSON",
                "copy the sidecar again");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"base {path} cannot be read: {e.Message}", "make it readable for the user that runs the task", e);
        }
    }

    static void Read(JObject? json, Dictionary<Digest, BaseBlob> known, ImmutableArray<string> otherwise)
    {
        if (!Digest.TryParse((string?)(json?["digest"] as JValue), out var digest) || json!["size"] is not JValue { Value: long size })
            return;
        ImmutableArray<string> repositories = [.. Json.Texts(json["in"])];
        known.TryAdd(digest, new BaseBlob(size, repositories.IsEmpty ? otherwise : repositories));
    }
}

/// <summary>A blob that an archive delivers.</summary>
/// <param name="Size">In bytes.</param>
/// <param name="Repositories">Upstream repositories with which it does; not all.</param>
public sealed record BaseBlob(long Size, ImmutableArray<string> Repositories)
{
    public BaseBlob And(string repository) =>
        Repositories.Length < BaseArchives.MostRepositories && !Repositories.Contains(repository) ? this with { Repositories = Repositories.Add(repository) } : this;
}
