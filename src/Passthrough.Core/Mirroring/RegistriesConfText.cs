using System.Collections.Immutable;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// The text of a <c>registries.conf</c>, read and refused as containers/image does (v5.40 and newer: version 1 files are refused), in its words.
/// Keys are the same in any case; unknown ones are ignored; aliases of short names are checked and not kept.
/// </summary>
public sealed partial record RegistriesConf
{
    /// <param name="toml">The file, or a drop-in.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="ModuleException">No client would start with it: <c>loading registries configuration "PATH": …</c>.</exception>
    public static RegistriesConf Parse(string toml, string path = "registries.conf") => new Reader(path).Read(toml);

    /// <summary>As a drop-in: what is set and nothing else, the same text for the same values.</summary>
    public string Render()
    {
        var text = new StringBuilder();
        if (UnqualifiedSearchRegistries is { } search)
            text.Append("unqualified-search-registries = ").Append(Toml.Quote(search)).Append('\n');
        if (ShortNameMode is { } mode)
            text.Append("short-name-mode = ").Append(Toml.Quote(mode)).Append('\n');
        if (CredentialHelpers is { } helpers)
            text.Append("credential-helpers = ").Append(Toml.Quote(helpers)).Append('\n');
        foreach (var registry in Registries)
        {
            text.Append(text.Length > 0 ? "\n" : "").Append("[[registry]]\n");
            Line(text, "", "prefix", registry.Prefix);
            Line(text, "", "location", registry.Location);
            Line(text, "", "insecure", registry.Insecure);
            Line(text, "", "blocked", registry.Blocked);
            Line(text, "", "mirror-by-digest-only", registry.MirrorByDigestOnly);
            foreach (var mirror in registry.Mirrors)
            {
                text.Append("\n  [[registry.mirror]]\n");
                Line(text, "  ", "location", mirror.Location);
                Line(text, "  ", "insecure", mirror.Insecure);
                Line(text, "  ", "pull-from-mirror", TextOf(mirror.Pull));
            }
        }

        return text.ToString();
    }

    /// <summary>The value of <c>pull-from-mirror</c>; empty where the line is left out.</summary>
    internal static string TextOf(PullFromMirror pull) => pull switch { PullFromMirror.DigestOnly => "digest-only", PullFromMirror.TagOnly => "tag-only", _ => "" };

    static void Line(StringBuilder text, string indent, string key, string value)
    {
        if (value.Length > 0)
            text.Append(indent).Append(key).Append(" = ").Append(Toml.Quote(value)).Append('\n');
    }

    static void Line(StringBuilder text, string indent, string key, bool value)
    {
        if (value)
            text.Append(indent).Append(key).Append(" = true\n");
    }

    /// <summary>The checks stand in the library's order, since the first that fails is what an administrator reads.</summary>
    sealed class Reader(string path)
    {
        public RegistriesConf Read(string toml)
        {
            if (!Toml.TryParse(toml, out var document, out var reason))
                throw Fault($"toml: {reason}");
            RefuseVersion1(document);
            _ = String(document, "additional-layer-store-auth-helper");
            var conf = new RegistriesConf { Registries = [.. Tables(document, "registry").Select(Registry)] };
            RefuseConflicts(conf.Registries);
            var search = Strings(document, "unqualified-search-registries");
            conf = conf with
            {
                UnqualifiedSearchRegistries = search is null ? null : [.. search.Value.Select(SearchRegistry)],
                ShortNameMode = Get(document, "short-name-mode") is null ? null : String(document, "short-name-mode"),
                CredentialHelpers = Strings(document, "credential-helpers"),
            };
            if (conf.ShortNameMode is not (null or "" or "enforcing" or "permissive" or "disabled"))
                throw Fault($"invalid short-name mode: {GoText.Quote(conf.ShortNameMode)}");
            if (conf.Registries.FirstOrDefault(registry => registry.Scope.StartsWith(MirrorNames.Wildcard, StringComparison.Ordinal) && registry.Scope.AsSpan().ContainsAny("/@:")) is { } wrong)
                throw Fault($"Wildcarded prefix should be in the format: *.example.com. Current prefix {GoText.Quote(wrong.Scope)} is incorrectly formatted");
            foreach (var alias in Table(document, "aliases")?.Properties() ?? [])
                CheckAlias(alias.Name, alias.Value is JValue { Value: string image } ? image : throw WrongType(alias.Name, alias.Value));
            return conf;
        }

        void RefuseVersion1(JObject document)
        {
            if (Table(document, "registries") is not { } version1)
                return;
            foreach (var key in (ReadOnlySpan<string>)["search", "insecure", "block"])
            {
                if (Table(version1, key) is { } part && Strings(part, "registries") is not null)
                    throw Fault("registries.conf must be in v2 format but is in v1");
            }
        }

        RegistryEntry Registry(JObject table)
        {
            var location = Location(table, "location");
            var prefix = String(table, "prefix");
            if (prefix.Length > 0)
            {
                prefix = Location(table, "prefix");
                if (location.Length == 0 && !prefix.StartsWith(MirrorNames.Wildcard, StringComparison.Ordinal))
                    throw Fault("invalid condition: location is unset and prefix is not in the format: *.example.com");
            }
            else if (location.Length == 0)
            {
                throw Fault("invalid condition: both location and prefix are unset");
            }

            var entry = new RegistryEntry
            {
                Prefix = prefix,
                Location = location,
                Insecure = Boolean(table, "insecure"),
                Blocked = Boolean(table, "blocked"),
                MirrorByDigestOnly = Boolean(table, "mirror-by-digest-only"),
            };
            if (String(table, "pull-from-mirror").Length > 0)
                throw Fault($"pull-from-mirror must not be set for a non-mirror registry {GoText.Quote(entry.Scope)}");
            return entry with { Mirrors = [.. Tables(table, "mirror").Select(mirror => Mirror(entry, mirror))] };
        }

        RegistryMirror Mirror(RegistryEntry registry, JObject table)
        {
            var location = Location(table, "location");
            if (location.Length == 0)
                throw Fault("invalid condition: mirror location is unset");
            var pull = String(table, "pull-from-mirror");
            if (registry.MirrorByDigestOnly && pull.Length > 0)
                throw Fault($"cannot set mirror usage mirror-by-digest-only for the registry ({GoText.Quote(registry.Scope)}) and pull-from-mirror for per-mirror ({GoText.Quote(location)}) at the same time");
            return new RegistryMirror(location, pull switch
            {
                "" or "all" => PullFromMirror.All,
                "digest-only" => PullFromMirror.DigestOnly,
                "tag-only" => PullFromMirror.TagOnly,
                _ => throw Fault($"unsupported pull-from-mirror value {GoText.Quote(pull)} for mirror {GoText.Quote(location)}"),
            })
            {
                Insecure = Boolean(table, "insecure"),
            };
        }

        // Two entries of one file for one location (or, where it has none, one prefix) are asked the same way or not at all.
        void RefuseConflicts(ImmutableArray<RegistryEntry> registries)
        {
            foreach (var same in registries.GroupBy(registry => registry.Location.Length > 0 ? registry.Location : registry.Prefix, StringComparer.Ordinal).Select(same => same.ToList()))
            {
                foreach (var other in same.Skip(1))
                {
                    if (same[0].Insecure != other.Insecure || same[0].Blocked != other.Blocked)
                        throw Fault($"registry '{same[0].Location}' is defined multiple times with conflicting '{(same[0].Insecure != other.Insecure ? "insecure" : "blocked")}' setting");
                }
            }
        }

        string SearchRegistry(string text)
        {
            var registry = WithoutSlashes(text);
            return !registry.StartsWith('[') && Reference.IsRegistry(registry) ? registry : throw Fault($"Invalid unqualified-search-registries entry {GoText.Quote(text)}");
        }

        // An empty value takes back what an earlier file said.
        void CheckAlias(string name, string image)
        {
            const string Invalid = "validating short-name aliases: ";
            if (!Reference.TryParse(name, out var reference, out var reason))
                throw Fault($"{Invalid}cannot parse short name: {GoText.Quote(name)}: {reason}");
            if (reference.Digest is not null || reference.Tag is not null || NamesRegistry(name))
                throw Fault($"{Invalid}invalid short name {GoText.Quote(name)}: must not contain {(reference.Digest is not null ? "digest" : reference.Tag is not null ? "tag" : "registry")}");
            if (image.Length == 0)
                return;
            if (!Reference.TryParse(image, out reference, out reason))
                throw Fault($"{Invalid}parsing alias {GoText.Quote(image)}: {reason}");
            if (reference.Digest is not null || reference.Tag is not null)
                throw Fault($"{Invalid}invalid alias {GoText.Quote(image)}: must not contain {(reference.Digest is not null ? "digest" : "tag")}");
            if (!NamesRegistry(image))
                throw Fault($"{Invalid}invalid alias {GoText.Quote(image)}: must contain registry and repository");
        }

        static bool NamesRegistry(string name) => name.Split('/') is [var first, _, ..] && (first.AsSpan().ContainsAny(".:") || first == "localhost");

        string Location(JObject table, string key) => WithoutSlashes(String(table, key));

        string WithoutSlashes(string text)
        {
            var location = text.TrimEnd('/');
            return location.StartsWith("http://", StringComparison.Ordinal) || location.StartsWith("https://", StringComparison.Ordinal)
                ? throw Fault($"invalid location '{text}': URI schemes are not supported")
                : location;
        }

        static JToken? Get(JObject table, string key) => table[key] ?? table.GetValue(key, StringComparison.OrdinalIgnoreCase);

        string String(JObject table, string key) => Get(table, key) switch
        {
            null => "",
            JValue { Value: string text } => text,
            var other => throw WrongType(key, other),
        };

        bool Boolean(JObject table, string key) => Get(table, key) switch
        {
            null => false,
            JValue { Value: bool value } => value,
            var other => throw WrongType(key, other),
        };

        JObject? Table(JObject table, string key) => Get(table, key) is { } value ? value as JObject ?? throw WrongType(key, value) : null;

        ImmutableArray<string>? Strings(JObject table, string key) => Get(table, key) switch
        {
            null => null,
            JArray array => [.. array.Select(item => item is JValue { Value: string text } ? text : throw WrongType(key, item))],
            var other => throw WrongType(key, other),
        };

        IEnumerable<JObject> Tables(JObject table, string key) => Get(table, key) switch
        {
            null => [],
            JArray array => array.Select(item => item as JObject ?? throw WrongType(key, item)),
            var other => throw WrongType(key, other),
        };

        ModuleException WrongType(string key, JToken value) => Fault($"toml: {key} cannot be {(value is JObject ? "a table" : value.Type.ToString().ToLowerInvariant())}");

        ModuleException Fault(string reason) => new(ErrorCodes.InvalidArgument, $"loading registries configuration {GoText.Quote(path)}: {reason}", "see containers-registries.conf(5)");
    }
}
