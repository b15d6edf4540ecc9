using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary><c>icsp-&lt;type&gt;-metadata.json</c>: what was rendered, for programs (interface.md, "Files written"; mirror-policies.md 8.4).</summary>
public sealed record MirrorMetadata
{
    const string GeneratedAt = "generated_at";

    public required string Name { get; init; }

    /// <summary>The value of <c>registry_type</c>.</summary>
    public required string RegistryType { get; init; }

    /// <summary><c>host[:port]</c>.</summary>
    public required string Registry { get; init; }

    public required string MirrorPathTemplate { get; init; }

    public required MirrorSourcePolicy Policy { get; init; }

    public required IReadOnlyList<MirrorKind> Kinds { get; init; }

    public required MirrorPlan Plan { get; init; }

    /// <summary>The path of the ImageContentSourcePolicy, or of what stands in its place; null where no manifest was rendered.</summary>
    public string? Template { get; init; }

    public required IReadOnlyList<RenderedFile> Files { get; init; }

    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The file's bytes.</summary>
    /// <param name="existing">What the file holds: its <c>generated_at</c> is kept where nothing else differs, so that a second run changes nothing.</param>
    /// <param name="now">The time for <c>generated_at</c> otherwise.</param>
    public ReadOnlyMemory<byte> Render(ReadOnlyMemory<byte>? existing, DateTimeOffset now)
    {
        var json = new JObject
        {
            ["schema"] = 1,
            ["name"] = Name,
            ["icsp_template"] = Template,
            ["registry_type"] = RegistryType,
            ["registry_uri"] = Registry,
            ["registry"] = Registry,
            ["mirror_path_template"] = MirrorPathTemplate,
            ["mirror_source_policy"] = Policy.ToString(),
            ["kinds"] = new JArray(Kinds.Select(kind => kind.ToString())),
            ["mirrors_count"] = Plan.Sources.Length,
            ["mirrors"] = new JArray(Plan.Sources.Select(Mirror)),
            ["files"] = new JArray(Files.Select(file => new JObject { ["path"] = file.Name, ["sha256"] = file.PublicSha256 })),
            ["validated"] = new JObject { ["schema"] = true, ["mco_rules"] = true },
            ["warnings"] = new JArray(Warnings),
        };
        json[GeneratedAt] = GeneratedAtOf(existing, json) ?? now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        return Encoding.UTF8.GetBytes(Json.Indented(json));
    }

    /// <summary>One source, as results and the file have it.</summary>
    public static JObject Mirror(MirrorSource source)
    {
        var json = new JObject { ["source"] = source.Source, ["mirrors"] = new JArray(source.Mirrors), ["policy"] = source.Policy.ToString(), ["priority"] = source.Priority };
        if (source.Description is { } description)
            json["description"] = description;
        if (source.Note is { } note)
            json["note"] = note;
        return json;
    }

    static string? GeneratedAtOf(ReadOnlyMemory<byte>? existing, JObject wanted)
    {
        if (existing is null || Json.TryParseObject(Encoding.UTF8.GetString(existing.Value.Span)) is not { } old || old[GeneratedAt] is not JValue { Type: JTokenType.String } time)
            return null;
        old.Remove(GeneratedAt);
        // Compared as text: a text that is null here is nothing there.
        return Json.Compact(old) == Json.Compact(wanted) ? (string)time! : null;
    }
}
