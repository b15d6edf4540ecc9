using System.Collections.Immutable;
using Passthrough.Core.Mirroring.Clients;

namespace Passthrough.Core.Mirroring;

/// <summary>What is redirected, the rules applied: what is asked twice is one, names are as clients compare them, and nothing is left that an operator would refuse.</summary>
/// <param name="Sources">By priority, then by name.</param>
/// <param name="Warnings">What works, but perhaps not as somebody thinks.</param>
public sealed record MirrorPlan(ImmutableArray<MirrorSource> Sources, ImmutableArray<string> Warnings)
{
    /// <param name="requests">In the order of their parameters.</param>
    /// <param name="images">Repositories and where they are. Those that the sources lead there anyway are left out, the others become sources.</param>
    /// <param name="naming">Gives the mirror of a source that has none of its own.</param>
    /// <param name="policy">Where a request says none.</param>
    /// <exception cref="ModuleException">A name that cannot be, two policies for one source, or a mirror that would be blocked.</exception>
    public static MirrorPlan Make(IReadOnlyList<MirrorRequest> requests, IReadOnlyList<MirrorRequest> images, MirrorNaming naming, MirrorSourcePolicy policy)
    {
        var read = requests.Select(request => Read(request, naming, policy)).ToList();
        naming.Scopes(requests.Where(request => request.Mirrors.IsEmpty).Select(request => request.Source));
        var known = images.Select(image => Read(image, naming, policy)).ToList();
        var clients = Clients(Merge(read));
        var sources = Merge([.. read, .. known.Where(image => !LeadsTo(clients, image.Source))]);
        clients = Clients(sources);
        MirrorConflicts.RefuseBlockedMirrors(sources, clients);
        foreach (var (request, image) in known)
            RefuseTooLong(clients, request, image.Source);
        return new MirrorPlan(sources, [.. MirrorConflicts.Warnings(sources, clients)]);
    }

    /// <summary>The set of one kind; all kinds list the same.</summary>
    public MirrorSet Set(MirrorKind kind, string name) =>
        new(kind, name, [.. Sources.Select(source => new MirrorEntry(source.Source, source.Mirrors, MirrorResource.Of(kind).HasPolicy ? source.Policy : null))]);

    /// <summary>Where a repository is led to, in the order of preference; empty where no source is for it.</summary>
    public ImmutableArray<string> MirrorsOf(string repository) => MirrorsOf(Clients(Sources), repository);

    static ImmutableArray<string> MirrorsOf(ClientRegistries clients, string repository) =>
        clients.Find(repository) is { } entry && !MirrorName.IsWildcard(entry.Prefix) ? [.. entry.Mirrors.Select(mirror => mirror.Location + repository[entry.Prefix.Length..])] : [];

    static ClientRegistries Clients(IEnumerable<MirrorSource> sources) => ClientRegistries.Load(RegistriesConfDropIn.Render(sources, _ => false));

    static bool LeadsTo(ClientRegistries clients, MirrorSource image) => image.Mirrors.All(MirrorsOf(clients, image.Source).Contains);

    // A name that becomes too long fails the whole pull, the other mirrors included.
    static void RefuseTooLong(ClientRegistries clients, MirrorRequest request, string repository)
    {
        if (MirrorsOf(clients, repository).FirstOrDefault(place => place.Length > MirrorName.MaxLength) is { } place)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{request.Origin}: {repository} would be looked for at {place}, which has {place.Length} characters; clients accept {MirrorName.MaxLength} and then fail without asking any mirror");
    }

    static PlannedSource Read(MirrorRequest request, MirrorNaming naming, MirrorSourcePolicy policy)
    {
        var source = MirrorName.Source($"{request.Origin}.source", request.Source);
        if (request.Mirrors.IsEmpty && MirrorName.IsWildcard(source))
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{request.Origin}.source: wildcard \"{source}\" collapses all hosts into one namespace; give mirrors: explicitly");
        var mirrors = request.Mirrors.IsEmpty
            ? [MirrorName.Mirror($"{request.Origin}: the mirror", naming.Scope(source))]
            : request.Mirrors.Select((mirror, index) => MirrorName.Mirror($"{request.Origin}.mirrors[{index}]", mirror)).Distinct(StringComparer.Ordinal).ToImmutableArray();
        var known = DefaultRegistries.All.FirstOrDefault(registry => registry.Source == source);
        return new PlannedSource(request, new MirrorSource(source, mirrors, request.Policy ?? policy)
        {
            Priority = request.Priority ?? known?.Priority ?? MirrorSource.Extra,
            Description = request.Description ?? known?.Description,
            Note = HostsWithoutImages.Explain(source) ?? NoteOn(source),
        });
    }

    // Nobody can tell an organisation's name from an image's: docker.io/bitnami is the one, docker.io/nginx would be the other.
    static string? NoteOn(string source) =>
        source.Split('/') is ["docker.io", var name] ? $"means images below docker.io/{name}/; the official image {name} is docker.io/library/{name}" : null;

    static ImmutableArray<MirrorSource> Merge(IReadOnlyList<PlannedSource> read) =>
    [
        .. read.GroupBy(pair => pair.Source.Source, StringComparer.Ordinal).Select(same => MergeOne([.. same]))
            .OrderBy(source => MirrorSource.Priorities.IndexOf(source.Priority)).ThenBy(source => source.Source, StringComparer.Ordinal),
    ];

    static MirrorSource MergeOne(IReadOnlyList<PlannedSource> same)
    {
        var first = same[0];
        if (same.FirstOrDefault(other => other.Source.Policy != first.Source.Policy) is { } other)
            throw new ModuleException(
                ErrorCodes.InvalidArgument,
                $"source \"{first.Source.Source}\" appears with two policies ({Word(first.Source.Policy)} in {first.Request.Origin}, {Word(other.Source.Policy)} in {other.Request.Origin}); the Machine Config Operator would ignore every mirror change");
        var merged = first.Source with { Mirrors = [.. same.SelectMany(pair => pair.Source.Mirrors).Distinct(StringComparer.Ordinal)] };
        var isMirrorOfItself = merged.Mirrors.Contains(merged.Source);
        if (isMirrorOfItself && merged.Policy == MirrorSourcePolicy.NeverContactSource)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{first.Request.Origin}: cannot set mirrorSourcePolicy: NeverContactSource if the source \"{merged.Source}\" is one of the mirrors");
        return isMirrorOfItself && merged.Mirrors.Length == 1
            ? throw new ModuleException(ErrorCodes.InvalidArgument, $"{first.Request.Origin}: \"{merged.Source}\" is its own only mirror, so nothing would be redirected")
            : merged;
    }

    static string Word(MirrorSourcePolicy policy) => policy == MirrorSourcePolicy.NeverContactSource ? "Never" : "Allow";

    sealed record PlannedSource(MirrorRequest Request, MirrorSource Source);
}
