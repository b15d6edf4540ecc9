using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Testing;

/// <summary>
/// Everything that modules and Ansible print in the whole suite, and every secret that its servers know, kept in files until the last test holds the ones against the others:
/// test projects are processes of their own.
/// </summary>
public static class SuiteOutput
{
    /// <summary>Passwords shorter than this are words that stand in the output for other reasons.</summary>
    const int ShortestSecret = 8;

    static readonly Lock Gate = new();
    static readonly HashSet<string> Known = new(StringComparer.Ordinal);

    static string Folder => Checkout.PathOf("artifacts", "test-results", "printed");

    /// <summary>Keeps what was printed.</summary>
    /// <param name="where">What to call it in a finding.</param>
    /// <param name="text">The text itself.</param>
    public static void Add(string where, string text) => Append("printed", new JArray(where, text));

    /// <summary>Keeps a secret.</summary>
    /// <param name="secret">A password or a token.</param>
    /// <param name="user">Whose it is, where that is known.</param>
    /// <returns>The secret.</returns>
    public static string Secret(string secret, string? user = null)
    {
        lock (Gate)
        {
            if (secret.Length < ShortestSecret || !Known.Add($"{user}:{secret}"))
                return secret;
        }

        Append("secrets", new JArray(secret, user ?? ""));
        return secret;
    }

    /// <summary>What was kept by all processes since the folder was cleared.</summary>
    /// <param name="secrets">How many secrets there were.</param>
    public static SecretCollector Read(out int secrets)
    {
        var collector = new SecretCollector();
        secrets = 0;
        foreach (var line in Lines("secrets"))
        {
            secrets++;
            if ((string?)line[1] is { Length: > 0 } user)
                collector.AddSecret(user, (string)line[0]!);
            else
                collector.AddSecret((string)line[0]!);
        }

        foreach (var line in Lines("printed"))
            collector.Add((string)line[0]!, (string)line[1]!);
        return collector;
    }

    static IEnumerable<JToken> Lines(string kind) =>
        Directory.Exists(Folder) ? Directory.EnumerateFiles(Folder, $"{kind}-*").SelectMany(File.ReadLines).Select(line => Json.Parse(line)) : [];

    static void Append(string kind, JArray line)
    {
        lock (Gate)
            File.AppendAllText(Path.Combine(Directory.CreateDirectory(Folder).FullName, $"{kind}-{Environment.ProcessId}"), Json.Compact(line) + "\n");
    }
}
