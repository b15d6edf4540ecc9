using System.Collections.Immutable;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Kubernetes;

/// <summary>What a <see cref="FakeCluster"/> is like.</summary>
public sealed record FakeClusterSettings
{
    /// <summary>OpenShift's version; decides which kinds there are and whether both families may stand side by side.</summary>
    public string Version { get; init; } = "4.16.3";

    /// <summary><c>External</c> for a hosted cluster.</summary>
    public string Topology { get; init; } = "HighlyAvailable";

    /// <summary>False is a Kubernetes without OpenShift's operator.</summary>
    public bool HasPools { get; init; } = true;

    /// <summary>The one token that is let in; null lets anybody in.</summary>
    public string? Token { get; init; }

    /// <summary><c>verb resource</c> that the user may not, <c>patch imagedigestmirrorsets</c>.</summary>
    public ImmutableArray<string> Denied { get; init; } = [];

    /// <summary>An admission webhook: the message with which it denies an object; null lets it pass.</summary>
    public Func<JObject, string?> Webhook { get; init; } = _ => null;

    public FakeOperator Operator { get; init; } = FakeOperator.TakesUp;

    /// <summary>Name and number of machines.</summary>
    public IReadOnlyDictionary<string, int> Pools { get; init; } = new Dictionary<string, int> { ["master"] = 3, ["worker"] = 2 };

    public ImmutableArray<string> PausedPools { get; init; } = [];

    /// <summary>What becomes of a pod's pull: the words of the node's CRI-O where it fails, null where it succeeds. By default all images are there but those called <c>…:is-nowhere</c>.</summary>
    public Func<string, string?>? Pull { get; init; }

    /// <summary>How often the pools are read before the operator has taken a change up, and before each further node has it. Time plays no role.</summary>
    public int ReadsPerStep { get; init; } = 1;
}

/// <summary>What becomes of a change.</summary>
public enum FakeOperator
{
    /// <summary>All nodes get it, unless the rules of the Machine Config Operator refuse it: then nothing happens, as in reality.</summary>
    TakesUp,

    /// <summary>Nothing ever happens.</summary>
    Ignores,

    /// <summary>It begins and does not end.</summary>
    NeverEnds,

    /// <summary>It begins, then a node fails.</summary>
    Degrades,
}
