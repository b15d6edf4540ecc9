using Passthrough.Testing;

namespace Passthrough.Core.Tests.Testing;

/// <summary>The snapshot engine itself: a test that compares nothing would pass for ever.</summary>
public sealed class SnapshotTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("snapshot-").FullName;

    string Verified => Path.Combine(folder, "Some.Case.verified.txt");

    string Received => Path.Combine(folder, "Some.Case.received.txt");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Equal_text_passes_whatever_its_line_ends_and_removes_what_an_earlier_run_received()
    {
        File.WriteAllText(Verified, "one\ntwo\n");
        File.WriteAllText(Received, "old");

        await Verify("one\r\ntwo");

        Assert.False(File.Exists(Received));
    }

    [Fact]
    public async Task Different_text_fails_with_the_changed_lines_and_leaves_what_was_received()
    {
        File.WriteAllText(Verified, string.Join('\n', Enumerable.Range(1, 20)));

        var failure = await Assert.ThrowsAnyAsync<Exception>(() => Verify(string.Join('\n', Enumerable.Range(1, 20)).Replace("\n15\n", "\nfifteen\n", StringComparison.Ordinal)));

        Assert.Contains("fifteen", failure.Message);
        Assert.DoesNotContain("\n  11", failure.Message); // three lines around a change are shown, not the whole file
        Assert.EndsWith("\nfifteen\n16\n17\n18\n19\n20", File.ReadAllText(Received));
    }

    [Fact]
    public async Task What_nobody_approved_fails_and_waits_as_received()
    {
        await Assert.ThrowsAnyAsync<Exception>(() => Verify("new"));

        Assert.Equal("new", File.ReadAllText(Received).TrimEnd('\n'));
        Assert.False(File.Exists(Verified));
    }

    [Fact]
    public async Task A_scrubber_hides_what_differs_from_run_to_run()
    {
        File.WriteAllText(Verified, "port {port}");

        await Verify("port 40123", text => text.Replace("40123", "{port}", StringComparison.Ordinal));
    }

    Task Verify(string text, Func<string, string>? scrub = null) =>
        Snapshot.Verify(text, scrub: scrub, sourceFile: Path.Combine(folder, "Some.cs"), method: "Case");
}
