using System.Collections.Immutable;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>Where a registries.conf leads, by our model of the clients: to explain what a client did, and to hold it to its word.</summary>
sealed class Redirection
{
    readonly ClientRegistries clients;

    /// <param name="conf">As rendered, see <see cref="BlockedRedirection.Spelled"/>.</param>
    public Redirection(RegistriesConf conf)
    {
        Conf = conf;
        clients = ClientRegistries.Load(conf.Render());
    }

    public RegistriesConf Conf { get; }

    /// <summary>The entry that rules an image; null where none does.</summary>
    /// <param name="name"><c>registry/repository</c>.</param>
    public RegistryEntry? EntryFor(string name) => clients.Find(name);

    public PullPlan Plan(Reference pull) => clients.PlanPull(pull.ToString());

    /// <summary>The places that the redirection names before the image's own registry, in order; none where the plan is an error.</summary>
    public ImmutableArray<PullSource> Mirrors(Reference pull) => Plan(pull) is { Match: not null, Sources: { IsEmpty: false } sources } ? sources[..^1] : [];

    /// <summary>Those of them that are not blocked: what is asked.</summary>
    public IEnumerable<PullSource> Asked(Reference pull) => Mirrors(pull).Where(place => place.BlockedBy is null);

    /// <summary>Every place that some pull of the image asks.</summary>
    public IEnumerable<PullSource> AllAsked(Reference image) =>
        Asked(image.WithTag("latest")).Concat(Asked(image.WithDigest(Digest.Sha256([]))));

    /// <summary>The shorter entry that would lead this pull to a mirror if the one that rules it were not there; null where none would.</summary>
    public string? HiddenBy(RegistryEntry ruling, Reference pull)
    {
        var rest = new Redirection(new RegistriesConf { Registries = [.. Conf.Registries.Where(entry => entry.Scope != ruling.Scope)] });
        return rest.EntryFor(pull.Name) is not { } next ? null : rest.Mirrors(pull).IsEmpty ? rest.HiddenBy(next, pull) : next.Scope;
    }
}
