namespace Passthrough.Testing.Registries.Harbor;

/// <summary>The rights that robots may have since 2.10 (src/common/rbac/const.go; <c>GET /permissions</c>).</summary>
static class HarborPermissions
{
    static readonly Dictionary<string, string> Project = new(StringComparer.Ordinal)
    {
        ["log"] = "list",
        ["project"] = "read update delete",
        ["metadata"] = "create read update delete list",
        ["repository"] = "read update delete list pull push",
        ["artifact"] = "read create list delete",
        ["scan"] = "create read stop",
        ["sbom"] = "create read stop",
        ["tag"] = "create list delete",
        ["accessory"] = "list",
        ["artifact-addition"] = "read",
        ["artifact-label"] = "create delete",
        ["scanner"] = "create read",
        ["preheat-policy"] = "create read update delete list",
        ["immutable-tag"] = "create update delete list",
        ["notification-policy"] = "create read update delete list",
        ["tag-retention"] = "create read update delete list",
        ["label"] = "create read update delete list",
        ["quota"] = "read",
        ["robot"] = "create read list delete",
        ["export-cve"] = "create read",
        ["member"] = "create read update delete list",
    };

    static readonly Dictionary<string, string> Server = new(StringComparer.Ordinal)
    {
        ["audit-log"] = "list",
        ["project"] = "list create",
        ["registry"] = "create read update delete list",
        ["catalog"] = "read",
        ["quota"] = "read list update",
        ["robot"] = "create read list delete",
        ["user"] = "create read update delete list",
    };

    public static bool Exists(string kind, string resource, string action) =>
        (kind == "system" ? Server : Project).TryGetValue(resource, out var actions) && actions.Split(' ').Contains(action);
}
