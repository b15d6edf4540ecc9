using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Mirroring.Clients;

/// <summary>A <c>hosts.toml</c> (containerd docs/hosts.md), read as containerd 2 reads it: its <c>[host."URL"]</c> tables in their order, then the server that stands on top.</summary>
/// <param name="folder">Relative file names start here.</param>
sealed class HostsToml(string folder)
{
    string? fault;

    /// <returns>The hosts, or why containerd throws the file away.</returns>
    public (ImmutableArray<ContainerdHost> Hosts, string? Fault) Read(string text)
    {
        if (!Toml.TryParse(text, out var document, out var reason))
            return ([], $"toml: {reason}");
        var tables = Get(document, "host");
        if ((tables is null or JObject ? null : WrongType("host", tables)) is { } wrong)
            return ([], wrong);
        foreach (var table in (tables as JObject ?? []).PropertyValues().Append(document))
        {
            if (RefuseTypes(table) is { } type)
                return ([], type);
        }

        // Only tables with a heading of their own have a place in the order; what is written otherwise is read and forgotten.
        string? last = null;
        var hosts = ImmutableArray.CreateBuilder<ContainerdHost>();
        foreach (var name in Toml.TableNames(text).Where(name => name is ["host", _, ..]).Select(name => name[1]))
        {
            if (name != last)
                hosts.Add(Host(name, (JObject)tables![name]!));
            last = name;
        }

        hosts.Add(Host((string?)Get(document, "server") ?? "", document));
        return fault is null ? (hosts.ToImmutable(), null) : ([], fault);
    }

    // The first fault counts, so what follows it may be nonsense.
    ContainerdHost Host(string server, JObject table)
    {
        var host = Address(server, (bool?)Get(table, "override_path") ?? false) with { SkipVerify = (bool?)Get(table, "skip_verify") };
        if (Get(table, "capabilities") is JArray { Count: > 0 } capabilities)
            host = host with { Capabilities = capabilities.Values<string>().Aggregate(ContainerdCapabilities.None, (all, one) => all | Capability(one!)) };
        if (Get(table, "ca") is { } ca)
            host = host with { CaFiles = CaFiles(ca) };
        if (Get(table, "client") is { } client)
            host = host with { ClientFiles = [.. ClientFiles(client)] };
        if (Get(table, "header") is JObject header)
            host = host with { Header = [.. header.Properties().OrderBy(one => one.Name, StringComparer.Ordinal).Select(one => new ContainerdHeader(one.Name, Header(one.Name, one.Value)))] };
        if ((string?)Get(table, "dial_timeout") is { Length: > 0 } timeout)
            fault ??= GoText.RefuseDuration(timeout);
        return host;
    }

    ContainerdHost Address(string server, bool overridePath)
    {
        if (server.Length == 0)
            return new ContainerdHost();
        if (!server.StartsWith("http", StringComparison.Ordinal))
            server = "https://" + server;
        var (url, reason) = GoUrl.Parse(server);
        if (url is null)
        {
            fault ??= $"unable to parse server {server}: {reason}";
            return new ContainerdHost();
        }

        var path = url.Path.Length > 0 ? GoUrl.Clean(url.Path) : "";
        return new ContainerdHost { Scheme = url.Scheme, Host = url.Host, Path = overridePath || path.EndsWith("/v2", StringComparison.Ordinal) ? path : path + "/v2" };
    }

    ContainerdCapabilities Capability(string name)
    {
        switch (name.ToLowerInvariant())
        {
            case "pull": return ContainerdCapabilities.Pull;
            case "resolve": return ContainerdCapabilities.Resolve;
            case "push": return ContainerdCapabilities.Push;
            case "referrers": return ContainerdCapabilities.Referrers;
            default:
                fault ??= $"unknown capability {name}";
                return ContainerdCapabilities.None;
        }
    }

    ImmutableArray<string> CaFiles(JToken value)
    {
        if (value.Type == JTokenType.String)
            return [FileOf(value)];
        if (value is JArray array)
            return [.. array.Select(FileOf)];
        fault ??= $"invalid type {GoValue(value)} for \"ca\"";
        return [];
    }

    IEnumerable<(string Certificate, string Key)> ClientFiles(JToken value)
    {
        if (value.Type != JTokenType.String && value is not JArray)
            fault ??= $"invalid type {GoValue(value)} for \"client\"";
        foreach (var item in value as JArray ?? [value])
        {
            if (item is JArray pair)
            {
                var files = pair.Select(FileOf).ToList();
                if (files.Count != 2)
                    fault ??= $"invalid pair {GoValue(pair)} for \"client\"";
                yield return (files.FirstOrDefault(""), files.LastOrDefault(""));
            }
            else
            {
                if (item.Type != JTokenType.String)
                    fault ??= $"invalid type {(item.Type switch { JTokenType.Integer => "int64", JTokenType.Float => "float64", JTokenType.Boolean => "bool", _ => "map[string]interface {}" })} for \"client\"";
                yield return (FileOf(item), "");
            }
        }
    }

    ImmutableArray<string> Header(string name, JToken value)
    {
        if (value.Type == JTokenType.String)
            return [StringOf(value)];
        if (value is JArray array)
            return [.. array.Select(StringOf)];
        fault ??= $"invalid type {GoValue(value)} for header {GoText.Quote(name)}";
        return [];
    }

    string FileOf(JToken value) => StringOf(value) is var file && Path.IsPathRooted(file) ? file : GoUrl.Clean($"{folder}/{file}");

    string StringOf(JToken value)
    {
        if (value.Type != JTokenType.String)
            fault ??= $"unable to cast {GoValue(value)} to string";
        return value.Type == JTokenType.String ? (string)value! : "";
    }

    static string? RefuseTypes(JToken value)
    {
        if (value is not JObject table)
            return WrongType("host", value);
        foreach (var (key, type) in (ReadOnlySpan<(string, JTokenType)>)[("skip_verify", JTokenType.Boolean), ("override_path", JTokenType.Boolean), ("dial_timeout", JTokenType.String), ("server", JTokenType.String), ("header", JTokenType.Object), ("capabilities", JTokenType.Array)])
        {
            if (Get(table, key) is { } item && item.Type != type)
                return WrongType(key, item);
        }

        return (Get(table, "capabilities") ?? new JArray()).FirstOrDefault(item => item.Type != JTokenType.String) is { } wrong ? WrongType("capabilities", wrong) : null;
    }

    static JToken? Get(JObject table, string key) => table[key] ?? table.GetValue(key, StringComparison.OrdinalIgnoreCase);

    static string WrongType(string key, JToken value) => $"toml: {key} cannot be {value.Type.ToString().ToLowerInvariant()}";

    // What %v prints.
    static string GoValue(JToken value) => value switch
    {
        JArray array => $"[{string.Join(' ', array.Select(GoValue))}]",
        JObject table => $"map[{string.Join(' ', table.Properties().OrderBy(one => one.Name, StringComparer.Ordinal).Select(one => $"{one.Name}:{GoValue(one.Value)}"))}]",
        { Type: JTokenType.Boolean } => GoText.Boolean((bool)value),
        _ => (string?)value ?? "",
    };
}
