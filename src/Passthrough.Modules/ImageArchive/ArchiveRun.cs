using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Archive;
using Passthrough.Core.Archive.Formats;
using Passthrough.Core.Archive.Saving;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.ImageArchive;

/// <summary>One run of <c>image_archive</c>: its parameters as what they mean, and its clock.</summary>
sealed class ArchiveRun
{
    const int MostConcurrency = 64;

    readonly ModuleArguments arguments;
    readonly ImageFilter filter;
    readonly long started;

    /// <exception cref="ModuleException">A value cannot be used.</exception>
    public ArchiveRun(ModuleContext context)
    {
        Context = context;
        arguments = context.Arguments;
        started = context.Time.GetTimestamp();
        filter = new ImageFilter(arguments.List("only"), arguments.List("exclude"));
        if (arguments.Number("concurrency") is < 1 or > MostConcurrency)
            throw Invalid($"concurrency {arguments.Number("concurrency")} is not between 1 and {MostConcurrency}", null);
        Concurrency = arguments.Number("concurrency")!.Value;
    }

    public ModuleContext Context { get; }

    public int Concurrency { get; }

    /// <summary>What transfers may take of the line; null for all.</summary>
    public Bandwidth? Limit => arguments.Bytes("bandwidth_limit") is not { } limit ? null
        : limit >= Bandwidth.Least ? new Bandwidth(limit, Context.Time) : throw Invalid($"bandwidth_limit {limit} is less than {Bandwidth.Least}", "write bytes a second, like 20M");

    /// <summary>Whether the other images go on when one fails.</summary>
    public bool ContinueOnError => arguments.Text("on_error") == "continue";

    /// <summary>The archive to write.</summary>
    /// <exception cref="ModuleException">There are several.</exception>
    public string Path => arguments.List("path") is [var only] ? only : throw Invalid($"path names {arguments.List("path").Count} archives, and a save writes one", "give one path; part_size cuts an archive into parts");

    /// <summary>The first of the archives.</summary>
    public string FirstPath => arguments.List("path")[0];

    /// <summary>The earlier archives that a saved one builds on.</summary>
    public Task<BaseArchives> ReadBasesAsync(CancellationToken cancellation) => BaseArchives.ReadAsync(arguments.List("base"), cancellation);

    /// <summary>The most that a file of a saved archive has, in bytes.</summary>
    public long? PartSize => arguments.Bytes("part_size") is not { } size ? null : size > 0 ? size : throw Invalid($"part_size {size} is no size", "write it like 4G or 4700M");

    /// <summary>Whether a load leaves out the signatures and other referrers that an archive has.</summary>
    public bool LeavesReferrersOut => arguments.IsSet("include_referrers") && !arguments.Flag("include_referrers");

    /// <summary>Whether parts of a split set may come later.</summary>
    public bool AllowsMissingParts => arguments.Flag("allow_missing_parts");

    /// <summary>Whether a tag that is right proves nothing: a load asks for each blob, a proof reads it.</summary>
    public bool IsDeep => arguments.Flag("deep");

    public string? RecordPath => arguments.Text("record_path");

    /// <summary>The folder where ConfigMaps with the signatures of releases go.</summary>
    public string? SignaturesPath => arguments.Text("signatures_path");

    /// <summary>Where the list of what a registry lacks goes.</summary>
    public string? GapPath => arguments.Text("gap_path");

    /// <summary>Where what a registry has goes.</summary>
    public string? StatePath => arguments.Text("state_path");

    public TimeSpan Elapsed => Context.Time.GetElapsedTime(started);

    public bool HasArchive => arguments.IsSet("path");

    public bool HasRegistry => arguments.IsSet("registry_host");

    public bool HasRequests => arguments.Items("images").Count > 0 || arguments.IsSet("images_file");

    /// <summary>The local registry.</summary>
    public RegistryConnection Connect() => RegistryConnection.From(Context);

    /// <summary>Where images are in it.</summary>
    public MirrorNaming Naming(RegistryConnection connection) =>
        new(connection.Endpoint, arguments.RequiredText("namespace"), arguments.RequiredText("mirror_path_template"), connection.Product.Traits);

    /// <summary>The places that are asked in the upstreams' stead.</summary>
    public IEnumerable<KeyValuePair<string, string>> PullFrom()
    {
        foreach (var pair in TextPairs("pull_from", "the place that is asked in its stead"))
        {
            // Credentials belong into authfile; whoever writes them here is told so, and not with the password.
            if (pair.Value.LastIndexOf('@') is var at && at > 0)
                Context.Secrets.Add(pair.Value[..at].Split(':')[^1]);
            yield return pair;
        }
    }

    /// <summary>Opens what <c>path</c> names, several archives as one; names that they have lost are those of <c>references</c> and <c>registry_map</c>.</summary>
    public IArchive OpenArchive(CancellationToken cancellation)
    {
        var references = TextPairs("references", "a full reference").ToDictionary(pair => pair.Key, pair => Reference.Parse(pair.Value), StringComparer.Ordinal);
        var names = new ImageNames(references, new RegistryMap(TextPairs("registry_map", "a registry").ToDictionary(StringComparer.Ordinal)));
        if (arguments.List("path").Count == 0)
            throw Invalid("path names no archive", "give a file, a folder, or several");
        Context.Progress.Phase = "reading the archive";
        var archive = ArchiveFormats.Open(arguments.List("path"), new ArchiveOptions { Names = names, AllowMissingParts = AllowsMissingParts, Progress = Context.Progress }, cancellation);
        foreach (var missing in archive.Files.Where(part => part.IsMissing))
            Context.Warnings.Add($"the part {missing.Path} is not there: images that need it are incomplete");
        foreach (var unknown in names.Unused)
            Context.Warnings.Add($"references names \"{unknown}\", and no image of {archive.Path} is called that or has that digest");
        return archive;
    }

    /// <summary>The images of an archive that <c>only</c> and <c>exclude</c> leave.</summary>
    /// <exception cref="ModuleException">There are none.</exception>
    public ImmutableArray<ArchivedImage> Choose(IArchive archive)
    {
        var chosen = archive.Images.Where(image => filter.Takes(image.Reference?.ToString() ?? image.Name, image.Reference?.Name ?? "", image.Root.Digest.ToString())).ToImmutableArray();
        if (ChooseIncomplete(archive).Count == 0)
            RequireSome(chosen.Length, archive.Images.Length, archive.Path);
        foreach (var warning in chosen.Select(image => image.Warning).OfType<string>())
            Context.Warnings.Add(warning);
        return chosen;
    }

    /// <summary>The same of images that are not even half in the archive.</summary>
    public IReadOnlyList<SkippedContent> ChooseIncomplete(IArchive archive) =>
        [.. archive.Skipped.Where(content =>
            content.IsIncomplete && filter.Takes(content.Name, content.Name.Split('@')[0], content.Digest?.ToString() ?? ""))];

    /// <summary>The images that the archives at <c>path</c> list.</summary>
    public IReadOnlySet<string> ReadKept()
    {
        var kept = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in arguments.List("path"))
            kept.UnionWith(ArchiveNames.Read(path));
        return kept.Count > 0 ? kept : throw Invalid("path lists no image that stays", "give the archives, or their .manifest.json, whose images are still wanted");
    }

    /// <summary>The images of a record that <c>only</c> and <c>exclude</c> leave.</summary>
    public IEnumerable<DeliveredImage> Choose(DeliveredImages record) => record.Images.Where(image => filter.Takes(image.Source));

    /// <summary>What <c>images</c> and <c>images_file</c> ask for, each once, less what <c>only</c> and <c>exclude</c> leave out.</summary>
    /// <exception cref="ModuleException">One of them is no reference, or none are left.</exception>
    public IReadOnlyList<ImageRequest> Requests()
    {
        var platforms = Platforms(arguments.List("platforms"));
        var template = new ImageRequest(new Reference("", "")) { TakeChild = arguments.Text("on_partial") == "child", WithReferrers = arguments.Flag("include_referrers") };
        var asked = arguments.Items("images").Select((item, i) => Read(item, i)).Concat(ReadFile()).ToList();
        var chosen = asked.Where(request => filter.Takes(request.Image)).DistinctBy(request => $"{request.Image} {string.Join(' ', request.Platforms)}", StringComparer.Ordinal).ToList();
        RequireSome(chosen.Count, asked.Count, "images");
        return chosen;

        ImageRequest Read(JToken item, int index) => item switch
        {
            JValue { Value: string text } => Of(text, platforms),
            JObject json => Of((string)json["ref"]!, json["platforms"] is JArray own ? Platforms(own.Select(platform => (string)platform!))
                : platforms)
                with
            {
                ExpandsRelease = (string?)json["expand"] == "release",
                WithSignatures = (string?)json["expand"] == "release"
                    && !LeavesReferrersOut
            },
            _ => throw Invalid($"images[{index}] is neither a reference nor a dictionary with ref", "write it like quay.io/centos/centos:stream8"),
        };

        IEnumerable<ImageRequest> ReadFile() =>
            arguments.Text("images_file") is { } file ? ReadLines(file).Select(line => Of(line, platforms)) : [];

        ImageRequest Of(string text, ImmutableArray<Platform> wanted) => template with { Image = Reference.Parse(text.Trim()).WithDefaultTag(), Platforms = wanted };
    }

    /// <summary>Tells of patterns that no image was like, once all were seen: mostly a slip.</summary>
    public void WarnOfUnmatchedPatterns()
    {
        foreach (var pattern in filter.Unmatched)
            Context.Warnings.Add($"no image is like the pattern \"{pattern}\" of only or exclude, which are held against the full reference");
    }

    static ImmutableArray<Platform> Platforms(IEnumerable<string> texts) => [.. texts.Select(Platform.Parse).Distinct()];

    // One reference a line; what follows a # is for people.
    static IEnumerable<string> ReadLines(string file)
    {
        try
        {
            return InputFile.ReadAllLines(file).Select(line => line.Split('#')[0].Trim()).Where(line => line.Length > 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"images_file {file} cannot be read: {(File.Exists(file) ? e.Message : Directory.Exists(file) ? "it is a folder" : "it does not exist")}", "it must be on the host that runs the module, with one reference a line", e);
        }
    }

    static void RequireSome(int chosen, int all, string what)
    {
        if (all == 0)
            throw Invalid($"{what} holds no image", "there is nothing to do");
        if (chosen == 0)
            throw Invalid($"only and exclude leave none of the {all} images of {what}", "patterns are held against the full reference, like quay.io/team/*");
    }

    IEnumerable<KeyValuePair<string, string>> TextPairs(string parameter, string what) =>
        arguments.Dictionary(parameter)?.Properties().Select(pair => pair.Value is JValue { Value: string text }
            ? KeyValuePair.Create(pair.Name, text)
            : throw Invalid($"{parameter}: the value of {pair.Name} is no text", $"give {what}")) ?? [];

    static ModuleException Invalid(string message, string? hint) => new(ErrorCodes.InvalidArgument, message, hint);
}
