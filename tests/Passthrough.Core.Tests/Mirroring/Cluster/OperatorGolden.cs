using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring.Cluster;

/// <summary>The recordings of the operator, read: the form of their cases stands on top of the file.</summary>
static class OperatorGolden
{
    public static readonly JObject File = (JObject)Json.Parse(Fixtures.ReadText("mco-golden.json"));

    public static NodeFiles Write(JToken input) => MachineConfigOperator.Write(Sets(input), Sources(input), ReleaseImage(input));

    public static ImmutableArray<MirrorSet> Sets(JToken input) =>
    [
        .. Of(input, "icsp", MirrorKind.ImageContentSourcePolicy),
        .. Of(input, "idms", MirrorKind.ImageDigestMirrorSet),
        .. Of(input, "itms", MirrorKind.ImageTagMirrorSet),
    ];

    static IEnumerable<MirrorSet> Of(JToken input, string key, MirrorKind kind) =>
        (input[key] ?? new JArray()).Select(item => new MirrorSet(kind, (string)item["name"]!, [.. (item["sets"] ?? new JArray()).Select(Entry)]));

    static MirrorEntry Entry(JToken set) => new(
        (string)set["source"]!,
        [.. (set["mirrors"] ?? new JArray()).Values<string>().OfType<string>()],
        // Values that the CRD refuses mean nothing.
        Enum.TryParse<MirrorSourcePolicy>((string?)set["mirrorSourcePolicy"], out var policy) ? policy : null);

    static RegistrySources Sources(JToken input) => new()
    {
        Insecure = List(input["insecure"]),
        Blocked = List(input["blocked"]),
        Allowed = List(input["allowed"]),
        Search = List(input["search"]),
    };

    static ImmutableArray<string>? List(JToken? list) => list is JArray ? [.. list.Values<string>().OfType<string>()] : null;

    static string ReleaseImage(JToken input) => (string?)input["release_image"] is { Length: > 0 } image ? image : (string)File["default_release_image"]!;
}
