using System.Text.RegularExpressions;

namespace Passthrough.Testing;

/// <summary>A fenced block of a page.</summary>
/// <param name="Page">The page's path below the checkout.</param>
/// <param name="Line">Of the opening fence, from 1.</param>
/// <param name="Language">The word behind the fence; empty where there is none.</param>
/// <param name="Text">The lines between the fences.</param>
/// <param name="Mark">What stands in a comment before it: <c>&lt;!-- not run: why --&gt;</c>; null without.</param>
public sealed partial record CodeBlock(string Page, int Line, string Language, string Text, string? Mark)
{
    /// <summary>The commands of a shell block, one a line: comments and empty lines are left out, a line that ends in a backslash goes on with the next.</summary>
    public IReadOnlyList<string> Commands =>
        [.. Continued().Replace(Text, " ").Split('\n').Select(line => Comment().Replace(line, "").Trim()).Where(line => line.Length > 0)];

    public bool IsShell => Language is "bash" or "console" or "sh";

    /// <summary>Every fenced block of a page, in order.</summary>
    public static IReadOnlyList<CodeBlock> Read(string page)
    {
        var lines = File.ReadAllLines(Checkout.PathOf(page));
        var blocks = new List<CodeBlock>();
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("```", StringComparison.Ordinal))
                continue;
            var start = i;
            for (i++; i < lines.Length && !lines[i].StartsWith("```", StringComparison.Ordinal); i++) ;
            var mark = lines[..start].Reverse().SkipWhile(line => line.Length == 0).Take(1).Select(line => MarkLine().Match(line)).SingleOrDefault(match => match.Success);
            blocks.Add(new CodeBlock(page, start + 1, lines[start][3..].Trim(), string.Join('\n', lines[(start + 1)..i]), mark?.Groups[1].Value));
        }

        return blocks;
    }

    public override string ToString() => $"{Page}:{Line}";

    [GeneratedRegex(@"\\\n\s*", RegexOptions.None, 1000)]
    private static partial Regex Continued();

    [GeneratedRegex(@"(?:^|\s)#.*$", RegexOptions.None, 1000)]
    private static partial Regex Comment();

    [GeneratedRegex("^<!-- (.+) -->$", RegexOptions.None, 1000)]
    private static partial Regex MarkLine();
}
