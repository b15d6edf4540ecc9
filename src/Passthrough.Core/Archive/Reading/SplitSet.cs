using System.Collections.Immutable;
using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Reading;

/// <summary>
/// A file that was cut into parts which <c>cat</c> joins again, read as if it were whole: <c>NAME.000</c>, <c>NAME.001</c>, … (ours), or from <c>NAME.001</c> on
/// (hauler). The sidecar <c>NAME.manifest.json</c>, where there is one, tells how many parts there are and how large.
/// </summary>
sealed class SplitSet : ArchiveBytes
{
    const int SuffixLength = 3;

    readonly ImmutableArray<Part> parts;

    SplitSet(string path, ImmutableArray<Part> parts, ImmutableArray<ArchiveEntry> recorded)
    {
        Path = path;
        this.parts = parts;
        Recorded = recorded;
        Length = parts[^1].End;
    }

    /// <summary>The name without a number.</summary>
    public override string Path { get; }

    public override long Length { get; }

    /// <summary>Blobs and where they are by the sidecar, sorted by place: how members are found whose headers are in a part that is missing. Empty without a sidecar.</summary>
    public ImmutableArray<ArchiveEntry> Recorded { get; }

    /// <summary>Names of the parts that are not there.</summary>
    public ImmutableArray<string> Missing => [.. parts.Where(part => part.Bytes is null).Select(part => part.Name)];

    public override IEnumerable<ArchivePart> Files => parts.Select(part => new ArchivePart(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path) ?? "", part.Name), part.Length) { IsMissing = part.Bytes is null });

    public override string WhenTruncated => $"bring the parts after {parts[^1].Name} to the same folder, or copy the set again";

    /// <summary>The name that a set has, where the path is one part of it, or the set's own name; null for everything else.</summary>
    public static string? NameOf(string path)
    {
        if (HasNumber(path) && SiblingsOf(path[..^(SuffixLength + 1)]).Count > 1)
            return path[..^(SuffixLength + 1)];
        return !File.Exists(path) && !Directory.Exists(path) && SiblingsOf(path).Count > 0 ? path : null;
    }

    /// <summary>Opens the parts of a set that are there.</summary>
    /// <param name="name">What <see cref="NameOf"/> gave.</param>
    /// <exception cref="ModuleException">A part cannot be read, or is not of its size.</exception>
    public static SplitSet Open(string name)
    {
        var present = SiblingsOf(name);
        var sidecar = ReadSidecar(name);
        var expected = sidecar is null ? Guess(name, present) : RecordedParts(sidecar);
        var opened = ImmutableArray.CreateBuilder<Part>();
        try
        {
            foreach (var (partName, size) in expected)
            {
                var path = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(name) ?? "", partName);
                var bytes = present.Contains(path) ? ArchiveFile.Open(path) : null;
                opened.Add(new Part(partName, opened.Count == 0 ? 0 : opened[^1].End, bytes?.Length ?? size, bytes));
                if (bytes is not null && sidecar is not null && bytes.Length != size)
                    throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"the part {path} has {bytes.Length} bytes, {name}.manifest.json says {size}", "copy this part again");
            }

            return new SplitSet(name, opened.ToImmutable(), sidecar is null ? [] : RecordedBlobs(sidecar));
        }
        catch
        {
            foreach (var part in opened)
                part.Bytes?.Dispose();
            throw;
        }
    }

    public override bool Holds(long offset, long length) => parts.All(part => part.Bytes is not null || part.End <= offset || part.Start >= offset + length);

    public override int Read(Span<byte> buffer, long offset) =>
        Find(offset) is not { } part ? 0 : Bytes(part).Read(buffer[..(int)Math.Min(buffer.Length, part.End - offset)], offset - part.Start);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, long offset, CancellationToken cancellation) =>
        Find(offset) is not { } part ? ValueTask.FromResult(0) : Bytes(part).ReadAsync(buffer[..(int)Math.Min(buffer.Length, part.End - offset)], offset - part.Start, cancellation);

    protected override void Dispose(bool disposing)
    {
        foreach (var part in parts)
            part.Bytes?.Dispose();
    }

    Part? Find(long offset)
    {
        var (low, high) = (0, parts.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (parts[middle].End > offset)
                high = middle;
            else
                low = middle + 1;
        }

        return offset < parts[low].End ? parts[low] : null;
    }

    ArchiveFile Bytes(Part part) => part.Bytes ?? throw new ModuleException(ErrorCodes.NotFound, $"the part {part.Name} of {Path} is not there", "bring it to the folder of the other parts");

    // Without a sidecar: numbers without a gap, all parts but the last as large as the first. A missing last part shows as a truncated archive.
    static IEnumerable<(string Name, long Size)> Guess(string name, SortedSet<string> present)
    {
        var first = present.Min!;
        var size = new FileInfo(first).Length;
        var (from, to) = (Number(first) <= 1 && LooksLikeStart(first) ? Number(first) : 0, Number(present.Max!));
        for (var number = from; number <= to; number++)
            yield return (string.Create(CultureInfo.InvariantCulture, $"{System.IO.Path.GetFileName(name)}.{number:D3}"), size);
    }

    // hauler counts from 001: whether .000 is missing shows in what .001 begins with.
    static bool LooksLikeStart(string path)
    {
        if (Number(path) == 0)
            return true;
        using var bytes = ArchiveFile.Open(path);
        var start = bytes.ReadExactly(0, (int)Math.Min(TarHeader.BlockSize, bytes.Length));
        return Compression.Of(start) is not null || (start.Length == TarHeader.BlockSize && TarHeader.HasValidChecksum(start));
    }

    static JObject? ReadSidecar(string name)
    {
        var path = ArchiveSaver.ManifestPath(name);
        try
        {
            return File.Exists(path)
                && Json.TryParseObject(InputFile.ReadAllText(path)) is { } json
                && json["parts"] is JArray { Count: > 1 } parts
                && parts.All(part => ReadPart(part) is not null)
                ? json
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"{path} cannot be read: {e.Message}", "make it readable for the user that runs the task", e);
        }
    }

    static IEnumerable<(string Name, long Size)> RecordedParts(JObject sidecar) => sidecar["parts"]!.Select(part => ReadPart(part)!.Value);

    static (string Name, long Size)? ReadPart(JToken token) =>
        token is JObject part && part["name"] is JValue { Value: string name } && HasNumber(name) && !name.Contains('/', StringComparison.Ordinal) && part["size"] is JValue { Value: long and > 0 and var size } ? (name, size) : null;

    static ImmutableArray<ArchiveEntry> RecordedBlobs(JObject sidecar) =>
    [
        .. from token in sidecar["blobs"] as JArray ?? []
           let blob = token as JObject
           where blob?["digest"] is JValue { Value: string } && blob["size"] is JValue { Value: long and >= 0 } && blob["offset"] is JValue { Value: long and >= 0 }
           where Digest.TryParse((string)blob["digest"]!, out _)
           let digest = Digest.Parse((string)blob["digest"]!)
           let offset = (long)blob["offset"]!
           orderby offset
           select new ArchiveEntry($"blobs/{digest.Algorithm}/{digest.Hex}", EntryKind.File, (long)blob["size"]!, offset, ""),
    ];

    /// <summary>The files that are called as parts of a set, in their order.</summary>
    internal static IEnumerable<string> PartsOn(string name) => SiblingsOf(name);

    static SortedSet<string> SiblingsOf(string name)
    {
        var folder = System.IO.Path.GetDirectoryName(name) is { Length: > 0 } given ? given : ".";
        var siblings = new SortedSet<string>(StringComparer.Ordinal);
        if (!Directory.Exists(folder))
            return siblings;
        // A folder that may not be listed has no sets; a file in it may still be read.
        var readable = new EnumerationOptions { IgnoreInaccessible = true, AttributesToSkip = FileAttributes.None };
        var prefix = System.IO.Path.GetFileName(name) + ".";
        foreach (var path in Directory.EnumerateFiles(folder, "*", readable))
        {
            var file = System.IO.Path.GetFileName(path);
            if (file.StartsWith(prefix, StringComparison.Ordinal) && file.Length == prefix.Length + SuffixLength && HasNumber(file))
                siblings.Add(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(name) ?? "", file));
        }

        return siblings;
    }

    /// <summary>Whether a file is called as a part is.</summary>
    internal static bool HasNumber(string path) =>
        path.Length > SuffixLength + 1 && path[^(SuffixLength + 1)] == '.' && !path.AsSpan(path.Length - SuffixLength).ContainsAnyExceptInRange('0', '9');

    static int Number(string path) => int.Parse(path.AsSpan(path.Length - SuffixLength), NumberStyles.None, CultureInfo.InvariantCulture);

    /// <param name="Bytes">Null where it is missing.</param>
    sealed record Part(string Name, long Start, long Length, ArchiveFile? Bytes)
    {
        public long End => Start + Length;
    }
}
