using System.Globalization;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry;

/// <summary>
/// Where a registry is: scheme, host and, where one was given, port. The one place that decides how it is written, so that references,
/// keys of auth files and certs.d folders agree: a port that was given is kept (<c>:443</c> too), none given writes none.
/// </summary>
public sealed record RegistryEndpoint(string Scheme, string Host, int? Port)
{
    /// <summary><c>host</c> or <c>host:port</c>: the registry part of references, the key in auth files, the folder in certs.d.</summary>
    public string Authority => Port is null ? Host : $"{Host}:{Port.Value.ToString(CultureInfo.InvariantCulture)}";

    /// <summary><c>https://host[:port]/</c>.</summary>
    public Uri BaseUri => new($"{Scheme}://{Authority}/");

    public override string ToString() => $"{Scheme}://{Authority}";

    /// <summary>Reads what users write for a registry: <c>host</c>, <c>host:port</c>, <c>https://host:port/</c>, with the port given there, apart, or not at all.</summary>
    /// <param name="host">The host, perhaps with scheme and port.</param>
    /// <param name="port">The port given apart; null for none.</param>
    /// <param name="scheme">The scheme where <paramref name="host"/> has none.</param>
    /// <exception cref="ModuleException">No host, a path, a bad port, or two ports that contradict each other.</exception>
    public static RegistryEndpoint Parse(string host, int? port = null, string scheme = "https")
    {
        var text = host.Trim();
        var schemeEnd = text.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd >= 0)
        {
            scheme = text[..schemeEnd].ToLowerInvariant();
            text = text[(schemeEnd + 3)..];
            if (scheme is not ("http" or "https"))
                throw Invalid(host, $"the scheme is {scheme}", "write host[:port], or http:// or https:// before it");
        }

        if (UserInfo.IsIn(text))
            throw Invalid(UserInfo.Hidden(host), "a user name and a password do not belong in it",
                "give username and password, or authfile");
        text = text.TrimEnd('/');
        if (text.Contains('/', StringComparison.Ordinal))
            throw Invalid(host, "it has a path", "give the host and port only; the namespace is a parameter of its own");
        if (!Reference.IsRegistry(text))
            throw Invalid(host, "it is no host name or address", "write it like registry.example.com:8443");

        var colon = text.LastIndexOf(':');
        if (colon > text.LastIndexOf(']'))
        {
            var own = ParsePort(host, text[(colon + 1)..]);
            if (port is not null && port != own)
                throw Invalid(host, $"its port {own} contradicts registry_port {port}", "give the port once");
            port = own;
            text = text[..colon];
        }

        if (port is < 1 or > 65535)
            throw Invalid(host, $"port {port} is not between 1 and 65535", null);
        return new RegistryEndpoint(scheme, text.ToLowerInvariant(), port);
    }

    static int ParsePort(string host, string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65535
            ? port
            : throw Invalid(host, $"port {text} is not between 1 and 65535", null);

    static ModuleException Invalid(string host, string reason, string? hint) =>
        new(ErrorCodes.InvalidArgument, $"registry_host \"{host}\" cannot be used: {reason}", hint);
}
