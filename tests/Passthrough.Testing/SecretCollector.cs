using System.Collections.Concurrent;
using System.Text;

namespace Passthrough.Testing;

/// <summary>Collects everything that was printed and counts secrets in it, in every form in which one leaks: plain, base64, URL-encoded, quoted in JSON.</summary>
public sealed class SecretCollector
{
    readonly ConcurrentQueue<(string Where, string Text)> texts = new();
    readonly ConcurrentDictionary<string, string> forms = new(StringComparer.Ordinal);

    /// <summary>How much was collected, in characters.</summary>
    public long Length => texts.Sum(text => (long)text.Text.Length);

    /// <summary>Adds a user and its password: the password, and what a Basic header or an auth file makes of the two.</summary>
    public void AddSecret(string user, string password)
    {
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        Add(password, "plain");
        Add(Uri.EscapeDataString(password), "URL-encoded");
        Add(password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal), "in JSON");
        Add(Convert.ToBase64String(Encoding.UTF8.GetBytes(password)).TrimEnd('='), "base64");
        Add(basic.TrimEnd('='), "base64 of user:password");
        Add(Uri.EscapeDataString(basic), "base64 of user:password, URL-encoded");

        void Add(string text, string form) => forms.TryAdd(text, form);
    }

    /// <summary>Adds something that was printed.</summary>
    /// <param name="where">What to call it in a finding.</param>
    /// <param name="text">The text itself.</param>
    public void Add(string where, string text) => texts.Enqueue((where, text));

    /// <summary>One line for each occurrence: where, in which form, with a little before it; the secret itself is not repeated.</summary>
    public IReadOnlyList<string> Find()
    {
        var found = new List<string>();
        foreach (var (where, text) in texts)
        {
            foreach (var (secret, form) in forms)
            {
                for (var at = text.IndexOf(secret, StringComparison.Ordinal); at >= 0; at = text.IndexOf(secret, at + secret.Length, StringComparison.Ordinal))
                    found.Add($"{where}: {form} after \"{text[Math.Max(0, at - 60)..at].ReplaceLineEndings(" ")}\"");
            }
        }

        return found;
    }
}
