using System.Collections.Immutable;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Archive.Reading;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// Finds the upstream names of tags in oc-mirror's cache again, from what the tool leaves in its working folder (archives.md 1d). Sources are asked from
/// what the tool wrote down itself to what can only be guessed from; the first that knows a tag decides.
/// </summary>
sealed partial class OcMirrorV2Origins
{
    const string WorkingFolder = "working-dir/";
    /// <summary>Of one tag, or of one digest and path; more registries than this do not have the same image.</summary>
    const int MostNames = 16;

    /// <summary>One a run of the tool.</summary>
    const int MostConfigurations = 100;

    const string ReleaseRepository = "openshift/release-images";

    readonly ArchiveTree tree;
    readonly List<ArchiveMember> files;
    readonly Dictionary<string, CachedTag> byName;
    readonly ILookup<(Digest Digest, string Repository), CachedTag> byDigest;
    readonly Dictionary<(Digest Digest, string Path), HashSet<(Reference Name, bool IsEarlier)>> offered = [];
    readonly Dictionary<string, bool> earlier = new(StringComparer.Ordinal);
    readonly Dictionary<CachedTag, Origin> origins = [];
    readonly Dictionary<CachedTag, Dictionary<Reference, bool>> offers = [];
    readonly List<ConfiguredImage> filteredCatalogs = [];
    readonly ImmutableArray<SkippedContent>.Builder unreadable = ImmutableArray.CreateBuilder<SkippedContent>();

    OcMirrorV2Origins(ArchiveTree tree, List<CachedTag> tags)
    {
        this.tree = tree;
        files = [.. tree.Members.Where(member => member.IsFile && (member.Name.StartsWith(WorkingFolder, StringComparison.Ordinal) || IsConfiguration(member.Name)))];
        byName = tags.ToDictionary(tag => tag.Name, StringComparer.Ordinal);
        byDigest = tags.ToLookup(tag => (tag.Digest, tag.Repository));
    }

    /// <summary>Files that should have told names and are damaged.</summary>
    public ImmutableArray<SkippedContent> Unreadable => unreadable.ToImmutable();

    public static OcMirrorV2Origins Recover(ArchiveTree tree, List<CachedTag> tags)
    {
        var found = new OcMirrorV2Origins(tree, tags);
        found.Run();
        return found;
    }

    /// <summary>Whether the tag is a catalog of which the configuration takes a part only.</summary>
    public bool IsFiltered(CachedTag tag) => filteredCatalogs.Exists(catalog => catalog.Fits(tag));

    /// <summary>The registry that the releases in the archive come from; null where there are none, or nothing tells.</summary>
    public string? RegistryOfReleases =>
        origins.Where(origin => origin.Key.Repository == ReleaseRepository).Select(origin => origin.Value.Names[0].Registry)
            .FirstOrDefault();

    /// <summary>Null where nothing tells.</summary>
    public Origin? Of(CachedTag tag) => origins.GetValueOrDefault(tag);

    void Run()
    {
        // As it was given, and as the tool has pinned it in its newest run.
        var given = Read(files.Where(member => IsConfiguration(member.Name)));
        var pinned = Read(files.Where(member => member.Name.StartsWith(WorkingFolder + "isc_pinned_", StringComparison.Ordinal)).OrderBy(member => member.Name, StringComparer.Ordinal).TakeLast(1));
        List<OcMirrorV2Configuration> configurations = [.. given, .. pinned];
        filteredCatalogs.AddRange(configurations.SelectMany(configuration => configuration.FilteredCatalogs));
        Step("dry-run/mapping.txt", ReadMapping);
        Step("the image set configuration", () => given.ForEach(OfferConfiguration));
        Step("the pinned image set configuration", () => pinned.ForEach(OfferConfiguration));
        Step("release-manifests/image-references", () => ReadReleases(configurations));
        Step("the release graph", () => ReadGraph(configurations));
        var catalogs = byName.Values.Where(tag => configurations.Exists(configuration => configuration.Catalogs.Any(catalog => catalog.Fits(tag)))).Select(tag => tag.Digest.Hex).ToHashSet(StringComparer.Ordinal);
        Step("the operator catalog", () => ReadCatalogs(catalogs, member => member.Name.Contains("/filtered-catalogs/", StringComparison.Ordinal)));
        Step("the operator catalog", () => ReadCatalogs(catalogs, _ => true));
        Step("the log of oc-mirror", ReadLogs);
        Step("the blocked images of the configuration", () => configurations.ForEach(configuration => OfferAll(configuration.Blocked)));
    }

    // Costs nothing where every tag is known already: whole catalogs have hundreds of megabytes.
    void Step(string source, Action read)
    {
        if (origins.Count == byName.Count)
            return;
        offers.Clear();
        offered.Clear();
        read();
        foreach (var (tag, names) in offers)
            origins.TryAdd(tag, new Origin([.. names.Keys], source, names.Values.All(isEarlier => isEarlier)));
    }

    void Offer(CachedTag? tag, Reference name, bool isEarlier = false)
    {
        if (tag is null || (name.Digest is { } digest && digest != tag.Digest))
            return;
        if (!offers.TryGetValue(tag, out var names))
            offers[tag] = names = [];
        if (names.Count < MostNames || names.ContainsKey(name))
            names[name] = isEarlier && names.GetValueOrDefault(name, isEarlier);
    }

    /// <summary>Offers a name to the tags that the tool makes of it.</summary>
    void Offer(string text, bool isEarlier = false)
    {
        if (CachedName.Parse(text) is not { } name)
            return;
        var (reference, path) = (name.Reference, name.Path);
        if (reference.Tag is { } asTag)
        {
            Offer(Tag(path, asTag) ?? Tag(ReleaseRepository, asTag), reference, isEarlier);
        }
        else if (reference.Digest is { } digest)
        {
            if (!IsNew(digest, path, reference, isEarlier))
                return;
            foreach (var repository in new[] { path, CachedTag.ComponentRepository, ReleaseRepository }.Distinct(StringComparer.Ordinal))
            {
                foreach (var tag in byDigest[(digest, repository)])
                    Offer(tag, repository != path && repository == ReleaseRepository ? WithReleaseTag(reference, tag) : reference,
                        isEarlier);
            }
        }
    }

    // A log or a catalog may say the same a million times, and one digest may have many tags.
    bool IsNew(Digest digest, string path, Reference name, bool isEarlier)
    {
        if (!byDigest.Contains((digest, path)) && !byDigest.Contains((digest, CachedTag.ComponentRepository))
            && !byDigest.Contains((digest, ReleaseRepository)))
            return false;
        if (!offered.TryGetValue((digest, path), out var names))
            offered[(digest, path)] = names = [];
        return names.Count < MostNames && names.Add((name, isEarlier));
    }

    void OfferAll(IEnumerable<string> texts)
    {
        foreach (var text in texts)
            Offer(text);
    }

    CachedTag? Tag(string repository, string tag) => byName.GetValueOrDefault($"{repository}:{tag}");

    // A release is asked for by its tag, which the update graph pins.
    static Reference WithReleaseTag(Reference release, CachedTag tag) => tag.IsDigestOnly ? release : release.WithTag(tag.Tag);

    // "docker://quay.io/a/b:1=docker://localhost:55000/a/b:1", one image a line.
    void ReadMapping()
    {
        foreach (var member in files.Where(member => member.Name == WorkingFolder + "dry-run/mapping.txt"))
        {
            foreach (var match in Matches(member, "", MappingLine()))
            {
                if (CachedName.Parse(match.Groups["from"].Value) is { } from && CachedName.Parse(match.Groups["to"].Value) is { Reference.Tag: { } tag } to)
                    Offer(Tag(to.Path, tag), from.Reference);
            }
        }
    }

    List<OcMirrorV2Configuration> Read(IEnumerable<ArchiveMember> members)
    {
        var configurations = new List<OcMirrorV2Configuration>();
        foreach (var member in members.TakeLast(MostConfigurations))
        {
            if (OcMirrorV2Configuration.TryRead(member, out var fault) is { } configuration)
                configurations.Add(configuration);
            else
                unreadable.Add(new SkippedContent(member.Name, null, $"it should tell where images come from, and {fault}"));
        }

        return configurations;
    }

    static bool IsConfiguration(string name) => name.StartsWith("isc_", StringComparison.Ordinal) && !name.Contains('/', StringComparison.Ordinal);

    void OfferConfiguration(OcMirrorV2Configuration configuration)
    {
        foreach (var image in configuration.Images.Concat(configuration.Catalogs))
        {
            foreach (var tag in image.Tags)
                Offer(Tag(image.Repository, tag), image.Name);
        }

        if (configuration.Release is { } release)
            Offer(release);
    }

    // hold-release/<repository>/<tag>/release-manifests/…: the payload's own list of its components.
    void ReadReleases(List<OcMirrorV2Configuration> configurations)
    {
        foreach (var member in files)
        {
            if (member.Name.Split('/') is not ["working-dir", "hold-release", _, var release, "release-manifests", var file])
                continue;
            var isEarlier = IsEarlier(configurations, release);
            if (file == "image-references")
                ReadImageReferences(member, release, isEarlier);
            else
                OfferMatches(member, "", DigestReference(), isEarlier);
        }
    }

    void ReadImageReferences(ArchiveMember member, string release, bool isEarlier)
    {
        foreach (var item in ((ReadJson(member)?["spec"] as JObject)?["tags"] as JArray ?? []).OfType<JObject>())
        {
            if (item["name"] is not JValue { Value: string component } || (item["from"] as JObject)?["name"] is not JValue { Value: string image } || CachedName.Parse(image) is not { } name)
                continue;
            // Two releases may share components of one digest; each has its tag.
            if (Tag(CachedTag.ComponentRepository, $"{release}-{component}") is { } tag)
                Offer(tag, name.Reference, isEarlier);
            else
                Offer(image, isEarlier);
        }
    }

    // hold-release/cincinnati-graph-data/<architecture>-<channel>.json: nodes[].payload is the release image, pinned.
    void ReadGraph(List<OcMirrorV2Configuration> configurations)
    {
        foreach (var member in files.Where(member => member.Name.StartsWith(WorkingFolder + "hold-release/cincinnati-graph-data/", StringComparison.Ordinal)))
        {
            foreach (var node in (ReadJson(member)?["nodes"] as JArray ?? []).OfType<JObject>())
            {
                if (node["payload"] is not JValue { Value: string payload } || CachedName.Parse(payload) is not { Reference: { Digest: { } digest } reference } name)
                    continue;
                foreach (var tag in IsNew(digest, name.Path, reference, isEarlier: false) ? byDigest[(digest, ReleaseRepository)]
                    .Concat(name.Path == ReleaseRepository ? [] : byDigest[(digest, name.Path)]) : [])
                    Offer(tag, WithReleaseTag(reference, tag), IsEarlier(configurations, tag.Tag));
            }
        }
    }

    bool IsEarlier(List<OcMirrorV2Configuration> configurations, string release)
    {
        if (!earlier.TryGetValue(release, out var isEarlier))
            earlier[release] = isEarlier = configurations.Count > 0
                && configurations.TrueForAll(configuration => configuration.ExcludesRelease(release));
        return isEarlier;
    }

    // operator-catalogs/<name>/<digest>/… since 4.18, hold-operator/<name>/<digest>/configs/… before: file-based catalogs, JSON or YAML.
    void ReadCatalogs(HashSet<string> current, Func<ArchiveMember, bool> isWanted)
    {
        foreach (var member in files.Where(isWanted))
        {
            if (member.Name.Split('/') is ["working-dir", "operator-catalogs" or "hold-operator", _, var digest, .. var path] && path is not [] && !path.Contains("blobs", StringComparer.Ordinal)
                && path[^1].Split('.')[^1] is "json" or "yaml" or "yml")
            {
                OfferMatches(member, "image", ImageMember(), isEarlier: current.Count > 0 && !current.Contains(digest));
            }
        }
    }

    // "Success copying <origin> ➡️ cache", one line an image where the tool wrote to no terminal.
    void ReadLogs()
    {
        foreach (var member in files.Where(member => member.Name.StartsWith(WorkingFolder + "logs/oc-mirror", StringComparison.Ordinal)))
            OfferMatches(member, "Success copying ", CopiedImage(), isEarlier: false);
    }

    void OfferMatches(ArchiveMember member, string lead, Regex pattern, bool isEarlier)
    {
        foreach (var match in Matches(member, lead, pattern))
            Offer(match.Groups["name"].Value, isEarlier);
    }

    JObject? ReadJson(ArchiveMember member)
    {
        try
        {
            if (member.Size <= Limits.DocumentBytes && Json.Parse(member.Read()) is JObject json)
                return json;
            unreadable.Add(new SkippedContent(member.Name, null, "it should tell where images come from, and is no JSON object"));
        }
        catch (JsonException e)
        {
            unreadable.Add(new SkippedContent(member.Name, null, $"it should tell where images come from, and {Json.Complaint(e)}"));
        }

        return null;
    }

    /// <summary>Matches in a file of any size, read window by window: a catalog may have hundreds of megabytes.</summary>
    static IEnumerable<Match> Matches(ArchiveMember member, string lead, Regex pattern)
    {
        const int WindowSize = 32 * 1024;
        const int LongestMatch = 2048;
        using var stream = member.Open();
        var bytes = new byte[WindowSize];
        var kept = 0;
        for (var isLast = false; !isLast;)
        {
            var count = stream.ReadAtLeast(bytes.AsSpan(kept), bytes.Length - kept, throwOnEndOfStream: false) + kept;
            isLast = count < bytes.Length;
            var text = Encoding.Latin1.GetString(bytes, 0, count);
            foreach (var match in lead.Length > 0 ? pattern.MatchesAfter(text, lead) : pattern.Matches(text))
            {
                // What touches the end may go on behind it; the next window has it whole.
                if (isLast || match.Index + match.Length < count)
                    yield return match;
            }

            kept = isLast ? 0 : LongestMatch;
            bytes.AsSpan(count - kept, kept).CopyTo(bytes);
        }
    }

    [GeneratedRegex(@"(?:docker://)?(?<from>[\w./:@-]{1,600})=(?:docker://)?(?<to>[\w./:@-]{1,600})", RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex MappingLine();

    [GeneratedRegex(@"(?<name>[\w./:-]{3,600}@sha256:[0-9a-f]{64})", RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex DigestReference();

    [GeneratedRegex(@"\G(?<=\bimage)[""']?\s{0,20}:\s{0,20}[""']?(docker://)?(?<name>[\w./:@-]{3,600})", RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex ImageMember();

    [GeneratedRegex(@"\G(docker://)?(?<name>[\w./:@-]{3,600}) ", RegexOptions.ExplicitCapture, 10_000)]
    private static partial Regex CopiedImage();

    /// <summary>What a source says about a tag.</summary>
    /// <param name="Names">By tag there can be only one right one; by digest all are right.</param>
    /// <param name="IsEarlier">Whether only what an earlier run has left says so.</param>
    internal sealed record Origin(ImmutableArray<Reference> Names, string Source, bool IsEarlier)
    {
        public bool IsAmbiguous => Names.Length > 1 && !Names.All(name => name.Digest is not null);
    }
}

/// <summary>A name as oc-mirror takes it apart: what stands before the first slash is dropped, even where it is no host.</summary>
sealed record CachedName(Reference Reference, string Path)
{
    public static CachedName? Parse(string text)
    {
        if (text.StartsWith("docker://", StringComparison.Ordinal))
            text = text["docker://".Length..];
        if (text.Contains("://", StringComparison.Ordinal) || !Reference.TryParse(text, out var reference, out _))
            return null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var path = text[(slash + 1)..].Split('@')[0].Split(':')[0];
        return new CachedName(reference.WithDefaultTag(), path);
    }
}
