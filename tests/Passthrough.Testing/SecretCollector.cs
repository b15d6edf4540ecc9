using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;

namespace Passthrough.Testing;

/// <summary>Collects everything that was printed and counts secrets in it, in every form in which one leaks: plain, base64, URL-encoded, quoted in JSON.</summary>
public sealed class SecretCollector
{
    /// <summary>Longer forms are looked up by this many of their last characters; shorter ones are searched for one by one.</summary>
    const int TailLength = 12;

    readonly ConcurrentQueue<(string Where, string Text)> texts = new();
    readonly ConcurrentDictionary<string, string> forms = new(StringComparer.Ordinal);

    /// <summary>How much was collected, in characters.</summary>
    public long Length => texts.Sum(text => (long)text.Text.Length);

    /// <summary>Adds a user and its password: the password, and what a Basic header or an auth file makes of the two.</summary>
    public void AddSecret(string user, string password)
    {
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        AddForm(basic.TrimEnd('='), "base64 of user:password");
        AddForm(Uri.EscapeDataString(basic), "base64 of user:password, URL-encoded");
        AddSecret(password);
    }

    /// <summary>Adds a password or a token whose user need not be known.</summary>
    public void AddSecret(string secret)
    {
        AddForm(secret, "plain");
        AddForm(Uri.EscapeDataString(secret), "URL-encoded");
        AddForm(secret.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal), "in JSON");
        var bytes = Encoding.UTF8.GetBytes(secret);
        AddForm(Convert.ToBase64String(bytes).TrimEnd('='), "base64");
        // Behind a user's name it begins at any of three places of a base64 group; only whole characters of its own are compared.
        for (var before = 0; before < 3; before++)
        {
            var text = Convert.ToBase64String([.. new byte[before], .. bytes]);
            AddForm(text[(((before * 8) + 5) / 6)..((before + bytes.Length) * 8 / 6)], "base64 within more");
        }
    }

    /// <summary>Adds something that was printed.</summary>
    /// <param name="where">What to call it in a finding.</param>
    /// <param name="text">The text itself.</param>
    public void Add(string where, string text) => texts.Enqueue((where, text));

    /// <summary>One line for each occurrence: where, in which form, with a little before it; the secret itself is not repeated.</summary>
    public IReadOnlyList<string> Find()
    {
        var tails = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var secret in forms.Keys.Where(secret => secret.Length >= TailLength))
            (CollectionsMarshal.GetValueRefOrAddDefault(tails, secret[^TailLength..], out _) ??= []).Add(secret);
        var byTail = tails.GetAlternateLookup<ReadOnlySpan<char>>();
        var found = new List<string>();
        foreach (var (where, text) in texts)
        {
            foreach (var (secret, form) in forms.Where(pair => pair.Key.Length < TailLength))
            {
                for (var at = text.IndexOf(secret, StringComparison.Ordinal); at >= 0; at = text.IndexOf(secret, at + secret.Length, StringComparison.Ordinal))
                    Found(where, form, text, at);
            }

            for (var end = TailLength; end <= text.Length; end++)
            {
                if (!byTail.TryGetValue(text.AsSpan(end - TailLength, TailLength), out var secrets))
                    continue;
                foreach (var secret in secrets.Where(secret => text.AsSpan(0, end).EndsWith(secret, StringComparison.Ordinal)))
                    Found(where, forms[secret], text, end - secret.Length);
            }
        }

        return found;

        void Found(string where, string form, string text, int at) => found.Add($"{where}: {form} after \"{text[Math.Max(0, at - 60)..at].ReplaceLineEndings(" ")}\"");
    }

    void AddForm(string text, string form)
    {
        if (text.Length > 0)
            forms.TryAdd(text, form);
    }
}
