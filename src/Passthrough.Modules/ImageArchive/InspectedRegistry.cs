using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// <c>state=inspected</c> of a registry: which of the images that somebody needs or that were delivered it has whole. What it lacks becomes a list that a save
/// takes as it is, what it has a base that the save leaves out. Sends no write.
/// </summary>
static class InspectedRegistry
{
    const string Present = "present";
    const string Missing = "missing";
    const string Different = "different";
    const string Incomplete = "incomplete";
    const string Unknown = "unknown";

    /// <exception cref="ModuleException">A file is asked for that only a registry can fill.</exception>
    public static void RequireNoArchive(ArchiveRun run)
    {
        if (run.HasRequests || run.RecordPath is not null || run.GapPath is not null || run.StatePath is not null)
            throw new ModuleException(ErrorCodes.InvalidArgument, "inspected looks into the archive at path or asks the registry for images, images_file and record_path, not both at once", "leave path out to ask the registry; only then gap_path and state_path are written");
    }

    public static async Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation)
    {
        var connection = run.Connect();
        var expected = Expected(run, run.Naming(connection), connection.Endpoint.Authority);
        var state = new RegistryState(connection.Endpoint.Authority);
        using var store = await connection.OpenStoreAsync(cancellation);
        var verifier = new RegistryVerifier(store, run.Concurrency, deep: false, run.Context.Progress)
        {
            ContinueOnError = run.ContinueOnError,
            WhenWhole = (image, tree) => state.Add(image.Source, tree),
        };
        var found = await verifier.VerifyAsync(expected, cancellation);
        var needed = NamesOf(found.Where(image => image.Fault is not null && !image.IsUnknown));
        var unknown = NamesOf(found.Where(image => image.IsUnknown));
        var files = new List<FileChange>();
        if (run.GapPath is { } gap)
            files.Add(AtomicFile.Write(gap, Encoding.UTF8.GetBytes(ListOf(needed, unknown, connection.Endpoint.Authority)),
                new FileSettings(FileSettings.Readable) { MakeFolder = true }, run.Context.CheckMode));
        if (run.StatePath is { } path)
            files.Add(state.Write(path, run.Context.CheckMode));
        foreach (var file in files.Where(file => file.Changed))
            run.Context.Actions.Add($"write {file.Path}");

        var counts = ResultParts.Counts(found.Select(StatusOf), Present, Missing, Different, Incomplete, Unknown);
        counts["needed"] = needed.Count;
        return new ModuleResult
        {
            Changed = files.Exists(file => file.Changed),
            Message = Summary(run, connection.Endpoint.Authority, found, counts, needed.Count),
            Data = new JObject
            {
                ["counts"] = counts,
                ["needed"] = new JArray(needed),
                ["requests"] = ResultParts.Requests(store.Requests),
                ["duration_s"] = ResultParts.Seconds(run.Elapsed),
            },
            Lists = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal) { ["images"] = found.Select(Describe) },
        };
    }

    static string Summary(ArchiveRun run, string registry, IReadOnlyCollection<VerifiedImage> found, JObject counts, int needed)
    {
        var elapsed = Wording.Duration(run.Elapsed);
        if ((int)counts[Present]! == found.Count)
            return $"{registry} has {Wording.Images(found.Count)} whole, and needs none, {elapsed}";
        var unknown = (int)counts[Unknown]! == 0 ? "" : $"; of {Wording.Images((int)counts[Unknown]!)} it is unknown, since the "
            + $"registry did not tell: {found.First(image => image.IsUnknown).Fault!.Message}";
        return $"{registry} has {(int)counts[Present]!} of {Wording.Images(found.Count)} whole, and needs "
            + $"{needed}{(run.GapPath is null ? "" : $": {run.GapPath}")}{unknown}, {elapsed}";
    }

    static List<string> NamesOf(IEnumerable<VerifiedImage> images) =>
        [.. images.Select(image => image.Image.Source.ToString()).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    // Who pulls by digest needs the digest, under whatever tag it came.
    static List<ExpectedImage> Expected(ArchiveRun run, MirrorNaming naming, string registry)
    {
        var expected = new List<ExpectedImage>();
        if (run.HasRequests)
        {
            foreach (var image in run.Requests().Select(request => request.Image).Where(image => image.Registry != registry))
                expected.Add(new ExpectedImage(image, image.Digest is { } digest ? naming.Target(image).WithDigest(digest) : naming.Target(image), image.Digest));
        }

        if (run.RecordPath is { } path)
            expected.AddRange(run.Choose(DeliveredImages.Of(registry, path)).Select(image => new ExpectedImage(image.Source, image.Target, image.Digest)));
        return expected.Count > 0
            ? [.. expected.DistinctBy(image => (image.Target, image.Digest))]
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"nothing says which images {registry} is to be asked for", "give images, images_file (what a cluster uses), record_path (what was delivered), or path (an archive)");
    }

    static string StatusOf(VerifiedImage image) =>
        image.IsUnknown ? Unknown : image.Fault is null ? Present : image.Digest is null ? Missing : image.Image.Digest is { } digest
            && digest != image.Digest ? Different : Incomplete;

    static JObject Describe(VerifiedImage image)
    {
        var status = StatusOf(image);
        var json = new JObject
        {
            ["ref"] = image.Image.Source.ToString(),
            ["target"] = image.Image.Target.ToString(),
            ["digest"] = (image.Digest ?? image.Image.Digest)?.ToString(),
            ["status"] = status,
            ["in_registry"] = status,
            ["platforms"] = ResultParts.Platforms(image.Platforms),
            ["bytes"] = image.Bytes,
        };
        if (status is Different or Incomplete or Unknown)
            json["error"] = ResultParts.Error(image.Fault!);
        return json;
    }

    // What nobody could look up is named, and not asked for: a save takes only what is known to be missing.
    static string ListOf(List<string> needed, List<string> unknown, string registry) =>
        string.Concat(
        [
            $"# {registry} needs {Wording.Images(needed.Count)}. Save them with images_file.\n",
            .. needed.Select(image => image + "\n"),
            .. unknown.Select(image => $"# unknown, the registry did not tell: {image}\n"),
        ]);
}
