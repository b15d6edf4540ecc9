namespace Passthrough.Core.Ansible;

/// <summary>One form of a secret.</summary>
/// <param name="Text">What is looked for.</param>
/// <param name="IgnoresWhiteSpace">Whether it has none and is looked for in text without any.</param>
sealed record SecretForm(string Text, bool IgnoresWhiteSpace)
{
    /// <summary>Adds where it stands in a text.</summary>
    public void FindIn(string text, List<(int Start, int End)> found)
    {
        for (var at = 0; (at = text.IndexOf(Text, at, StringComparison.Ordinal)) >= 0; at += Text.Length)
            found.Add((at, at + Text.Length));
    }

    /// <summary>Adds where it stands in the original of a text with escapes undone.</summary>
    public void FindIn(DecodedText decoded, List<(int Start, int End)> found)
    {
        if (decoded.HasNoWhiteSpace && !IgnoresWhiteSpace)
            return;
        var text = decoded.Text;
        for (var at = 0; (at = text.IndexOf(Text, at, StringComparison.Ordinal)) >= 0; at += Text.Length)
            found.Add(decoded.Origin(at, Text.Length));
    }
}
