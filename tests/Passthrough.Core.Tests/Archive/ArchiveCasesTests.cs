using System.Globalization;
using System.Text.RegularExpressions;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Archive;

/// <summary>tests/archive-cases.md says what shows each case; what it names is there.</summary>
public sealed partial class ArchiveCasesTests
{
    const int Cases = 37;

    static readonly string Page = File.ReadAllText(Checkout.PathOf("tests", "archive-cases.md"));

    [Fact]
    public void Every_test_that_is_named_is_there()
    {
        var sources = Directory.EnumerateFiles(Checkout.PathOf("tests"), "*Tests.cs", SearchOption.AllDirectories).Where(path => !path.Contains("/obj/", StringComparison.Ordinal))
            .ToLookup(path => Path.GetFileNameWithoutExtension(path), File.ReadAllText);
        var named = Test().Matches(Page).Select(match => (Class: match.Groups[1].Value, Method: match.Groups[2].Value)).ToList();

        Assert.True(named.Count > Cases);
        Assert.Empty(named.Where(test => !sources[test.Class].Any(text => text.Contains($" {test.Method}(", StringComparison.Ordinal))).Select(test => $"{test.Class}.{test.Method}"));
    }

    [Fact]
    public void Every_case_has_its_line() =>
        Assert.Equal(Enumerable.Range(1, Cases), Line().Matches(Page).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)));

    [GeneratedRegex(@"`(\w+Tests)\.(\w+)`")]
    private static partial Regex Test();

    [GeneratedRegex(@"^(\d+)\. ", RegexOptions.Multiline)]
    private static partial Regex Line();
}
