using System.Collections;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Programs;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>A program that keeps credentials: <c>docker-credential-NAME get</c> with the registry on standard input (docker-credential-helpers).</summary>
static class CredentialHelper
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>A helper's user name for a refresh token.</summary>
    const string TokenUser = "<token>";

    const int MaxAnswerBytes = 1024 * 1024;

    static readonly HashSet<string> Needed = new(StringComparer.Ordinal)
    {
        "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "TZ", "TERM", "DISPLAY", "WAYLAND_DISPLAY", "DOCKER_CONFIG", "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy",
    };

    /// <summary>Keyrings, pass and gpg find their agents and stores through these.</summary>
    static readonly string[] NeededPrefixes = ["LC_", "XDG_", "DBUS_SESSION_", "GNUPG", "GPG_", "PASSWORD_STORE_"];

    /// <summary>Helpers of clouds, which sign in with the cloud's own variables.</summary>
    static readonly Dictionary<string, string[]> CloudVariables = new(StringComparer.Ordinal)
    {
        ["ecr-login"] = ["AWS_"],
        ["gcr"] = ["GOOGLE_", "GCLOUD_", "CLOUDSDK_"],
        ["gcloud"] = ["GOOGLE_", "GCLOUD_", "CLOUDSDK_"],
        ["acr-env"] = ["AZURE_", "ACR_", "MSI_", "IDENTITY_"],
        ["acr-linux"] = ["AZURE_", "ACR_", "MSI_", "IDENTITY_"],
    };

    /// <summary>Asks the helper; null where it has nothing for the registry.</summary>
    /// <exception cref="ModuleException">It cannot be run, fails, or answers nonsense.</exception>
    public static Credential? Ask(string name, string registry) => Ask(name, registry, SearchPath.OfThisProcess());

    internal static Credential? Ask(string name, string registry, SearchPath searchPath)
    {
        var program = $"docker-credential-{name}";
        if (name.Contains('/'))
            throw Failed(program, registry, "its name has a slash");
        var (exitCode, output) = Run(program, name, registry, searchPath);
        if (exitCode != 0)
        {
            return output.Contains("credentials not found", StringComparison.Ordinal)
                ? null
                : throw Failed(program, registry, $"it answered \"{ForeignText.Quote(output)}\"");
        }

        if (Json.TryParseObject(output) is not { } json || json["Secret"] is not JValue { Type: JTokenType.String } secret)
            throw Failed(program, registry, "its answer is no JSON with a Secret");
        var user = json["Username"] is JValue { Type: JTokenType.String } username ? (string)username! : "";
        return user == TokenUser ? new Credential { Token = (string)secret!, IsIdentityToken = true } : new Credential { Username = user, Password = (string)secret! };
    }

    static (int ExitCode, string Output) Run(string program, string name, string registry, SearchPath searchPath)
    {
        if (searchPath.Find(program) is not { } path)
            throw Failed(program, registry, "no absolute folder of PATH has it");
        var result = new HostProgram(path, EnvironmentFor(name, Environment.GetEnvironmentVariables(), searchPath))
            .RunAsync(["get"], Patience, MaxAnswerBytes, CancellationToken.None, registry).GetAwaiter().GetResult();
        return (result.ExitCode, Encoding.UTF8.GetString(result.Output) is { Length: > 0 } text ? text : result.Errors);
    }

    /// <summary>
    /// What a helper needs of our environment: who the user is, the session's agents, proxies, and variables that begin with a word of
    /// its own.
    /// </summary>
    internal static Dictionary<string, string> EnvironmentFor(string name, IDictionary variables, SearchPath searchPath)
    {
        string[] own = [.. OwnVariables(name)];
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry variable in variables)
        {
            var key = (string)variable.Key;
            if (Needed.Contains(key) || NeededPrefixes.Concat(own).Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal)))
                environment[key] = (string?)variable.Value ?? "";
        }

        environment["PATH"] = searchPath.ToString();
        return environment;
    }

    static IEnumerable<string> OwnVariables(string name)
    {
        if (CloudVariables.TryGetValue(name, out var cloud))
            return cloud;
        // docker-credential-vault-login: VAULT_ADDR, VAULT_TOKEN. What is ours or Ansible's is no helper's.
        var word = name.Split('-', '_', '.')[0].ToUpperInvariant();
        return word is "" or "REGISTRY" or "ANSIBLE" ? [] : [word + "_"];
    }

    static ModuleException Failed(string program, string registry, string why) =>
        new(ErrorCodes.Unauthorized, $"the credential helper {program} gave no credentials for {registry}: {why}",
            "install it into an absolute folder of PATH or unlock it, or remove it from credHelpers of the auth file");
}
