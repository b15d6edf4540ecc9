using System.Collections.Immutable;
using System.Globalization;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// The signatures of one OpenShift release, which a cluster wants before it installs it. They are not in the registry: they travel beside the images
/// and become a ConfigMap of the cluster, as <c>oc adm release mirror</c> writes it.
/// </summary>
/// <param name="Release">The digest that was signed.</param>
/// <param name="Signatures">In their order, as they are.</param>
public sealed record ReleaseSignatures(Digest Release, ImmutableArray<byte[]> Signatures)
{
    const int HexInFileName = 16;

    /// <summary><c>signature-sha256-81154f5c03294534.json</c>.</summary>
    public string FileName => $"signature-{Release.Algorithm}-{Release.Hex[..HexInFileName]}.json";

    string Key => $"{Release.Algorithm}-{Release.Hex}";

    /// <summary>The ConfigMap, as JSON.</summary>
    public string ConfigMap()
    {
        var data = new JObject();
        for (var i = 0; i < Signatures.Length; i++)
            data[string.Create(CultureInfo.InvariantCulture, $"{Key}-{i + 1}")] = Convert.ToBase64String(Signatures[i]);
        return Json.Indented(new JObject
        {
            ["kind"] = "ConfigMap",
            ["apiVersion"] = "v1",
            ["metadata"] = new JObject
            {
                ["name"] = Key,
                ["namespace"] = "openshift-config-managed",
                ["labels"] = new JObject { ["release.openshift.io/verification-signatures"] = "" },
            },
            ["binaryData"] = data,
        });
    }

    internal JObject ToJson()
    {
        var texts = new JArray();
        foreach (var signature in Signatures)
            texts.Add(Convert.ToBase64String(signature));
        return new JObject { ["digest"] = Release.ToString(), ["signatures"] = texts };
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote; what is damaged is no signature.</summary>
    internal static ImmutableArray<ReleaseSignatures> Read(JToken? list)
    {
        var found = new SignaturesByRelease();
        foreach (var token in list as JArray ?? [])
        {
            foreach (var text in Json.Texts((token as JObject)?["signatures"]))
                found.Add((string?)((token as JObject)?["digest"] as JValue), Decode(text));
        }

        return found.ToImmutable();
    }

    /// <summary>Reads the <c>binaryData</c> of a ConfigMap, whose keys are <c>sha256-&lt;hex&gt;-&lt;n&gt;</c>.</summary>
    internal static void ReadConfigMap(JObject? map, SignaturesByRelease found)
    {
        foreach (var entry in (map?["binaryData"] as JObject)?.Properties() ?? [])
            found.Add(entry.Name.Split('-') is [var algorithm, var hex, ..] ? $"{algorithm}:{hex}" : null, entry.Value is JValue { Value: string text } ? Decode(text) : null);
    }

    static byte[]? Decode(string text)
    {
        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }
}

/// <summary>Signatures as they are found, each once.</summary>
sealed class SignaturesByRelease
{
    /// <summary>Real ones have about 1 KiB; a ConfigMap takes a mebibyte.</summary>
    internal const int MaxBytes = 64 * 1024;
    const int MostOfOneRelease = 10;

    readonly SortedDictionary<string, List<byte[]>> found = new(StringComparer.Ordinal);

    public void Add(string? release, byte[]? signature)
    {
        if (signature is not { Length: > 0 and <= MaxBytes } || !Digest.TryParse(release, out var digest))
            return;
        if (!found.TryGetValue(digest.ToString(), out var signatures))
            found[digest.ToString()] = signatures = [];
        if (signatures.Count < MostOfOneRelease && !signatures.Exists(known => known.AsSpan().SequenceEqual(signature)))
            signatures.Add(signature);
    }

    public void Add(ReleaseSignatures release)
    {
        foreach (var signature in release.Signatures)
            Add(release.Release.ToString(), signature);
    }

    public ImmutableArray<ReleaseSignatures> ToImmutable()
    {
        var releases = ImmutableArray.CreateBuilder<ReleaseSignatures>();
        foreach (var (release, signatures) in found)
            releases.Add(new ReleaseSignatures(Digest.Parse(release), [.. signatures]));
        return releases.ToImmutable();
    }
}
