using System.Text.RegularExpressions;
using Passthrough.Testing;

namespace Passthrough.Integration.Tests;

/// <summary>What the pages say can be followed: links lead somewhere, commands are run by a test or say why not, errors are those of the program.</summary>
public sealed partial class DocumentsTests
{
    /// <summary>The page whose commands are all run, one after the other, by a test of its own.</summary>
    const string Guide = "docs/registry-passthrough-guide.md";

    public static TheoryData<string> Pages =>
    [
        "README.md",
        .. Directory.EnumerateFiles(Checkout.PathOf("docs"), "*.md", SearchOption.AllDirectories).Select(page => Path.GetRelativePath(Checkout.Root, page)).Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_lead_somewhere(string page)
    {
        var folder = Path.GetDirectoryName(Checkout.PathOf(page))!;
        foreach (var target in Link().Matches(File.ReadAllText(Checkout.PathOf(page))).Select(match => match.Groups[1].Value).Where(target => !target.Contains("://", StringComparison.Ordinal)))
        {
            var (path, anchor) = target.Split('#', 2) is [var before, var after] ? (before, after) : (target, null);
            var file = path.Length == 0 ? Checkout.PathOf(page) : Path.GetFullPath(Path.Combine(folder, path));
            Assert.True(Path.Exists(file), $"{page} links to {target}, which does not exist");
            if (anchor is not null)
                Assert.True(File.ReadLines(file).Where(line => line.StartsWith('#')).Select(Anchor).Contains(anchor), $"{page} links to {target}, and there is no such heading");
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Commands_are_run_by_a_test_or_say_why_not(string page)
    {
        var tests = Directory.EnumerateFiles(Checkout.PathOf("tests"), "*.cs", SearchOption.AllDirectories).Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .Select(file => (Class: Path.GetFileNameWithoutExtension(file), Text: File.ReadAllText(file)))
            // That one runs what stands on its page.
            .Append((Class: nameof(GuideTests), Text: File.ReadAllText(Checkout.PathOf(Guide))))
            .ToLookup(test => test.Class, test => test.Text, StringComparer.Ordinal);
        foreach (var block in CodeBlock.Read(page).Where(block => block.IsShell && (page != Guide || block.Mark is not null)))
        {
            var mark = Mark().Match(block.Mark ?? "");
            Assert.True(mark.Success, $"{block}: say before it <!-- run by TestClass --> or <!-- not run: why -->");
            if (mark.Groups["class"] is not { Success: true, Value: var name })
                continue;
            Assert.True(tests[name].Any(), $"{block}: there is no test {name}");
            // The words that say what is run: programs, playbooks and modules.
            foreach (var word in block.Commands.SelectMany(command => Telling().Matches(command)).Select(match => match.Value))
                Assert.True(tests[name].Any(text => text.Contains(word, StringComparison.Ordinal)), $"{block}: {name} does not run {word}");
        }
    }

    /// <summary>What stands in the first column of the troubleshooting page is said somewhere in the program; "…" stands for anything.</summary>
    [Fact]
    public void Errors_are_those_of_the_program()
    {
        string[] sources =
        [
            .. Directory.EnumerateFiles(Checkout.PathOf("src"), "*", SearchOption.AllDirectories).Where(file => file.EndsWith(".cs", StringComparison.Ordinal) || file.EndsWith(".sh", StringComparison.Ordinal)),
            .. Directory.EnumerateFiles(Checkout.PathOf("playbooks"), "*", SearchOption.AllDirectories).Where(file => file.EndsWith(".yml", StringComparison.Ordinal) || file.EndsWith(".py", StringComparison.Ordinal)),
        ];
        // A sentence may be written as several literals.
        var texts = sources.Select(file => Joint().Replace(File.ReadAllText(file), "")).ToList();
        var rows = File.ReadLines(Checkout.PathOf("docs", "troubleshooting.md")).Select(line => Row().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value).ToList();

        Assert.True(rows.Count > 30);
        var unknown = rows.Where(row => !texts.Any(text => row.Split('…', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).All(piece => text.Contains(piece, StringComparison.Ordinal))));
        Assert.Empty(unknown);
    }

    /// <summary>A heading's anchor, as GitHub makes it.</summary>
    static string Anchor(string heading) =>
        string.Concat(heading.TrimStart('#').Trim().ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')).Replace(' ', '-');

    [GeneratedRegex(@"""\s*\+\s*\$?""", RegexOptions.None, 1000)]
    private static partial Regex Joint();

    [GeneratedRegex(@"\]\(([^)\s]+)\)", RegexOptions.None, 1000)]
    private static partial Regex Link();

    [GeneratedRegex(@"^(run by (?<class>\w+)|not run: \w.+)$", RegexOptions.None, 1000)]
    private static partial Regex Mark();

    [GeneratedRegex(@"(?<=inventory )[\w-]+\.yml|(?<=-m )\w+|apply-icsp", RegexOptions.None, 1000)]
    private static partial Regex Telling();

    // Sentences of ours alone: other programs' are in cells that say so in words.
    [GeneratedRegex(@"^\| `([^`]+)` (?:\||or|with|and)", RegexOptions.None, 1000)]
    private static partial Regex Row();
}
