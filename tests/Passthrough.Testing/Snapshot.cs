using System.Runtime.CompilerServices;
using System.Text;
using Xunit;

namespace Passthrough.Testing;

/// <summary>
/// Approved text beside the test: <c>&lt;Class&gt;.&lt;Method&gt;.verified.&lt;ext&gt;</c>, in Verify's conventions (names, received and verified
/// files, line feeds, no final newline added). A test class lives in a file of its own name.
/// </summary>
/// <remarks>
/// To accept what a test produced, look at the diff it printed and rename <c>.received.</c> to <c>.verified.</c>.
/// The engine is Verify.Xunit where the package feed has it (property HasVerify of artifacts/feed.props), else the one below; the files are the same.
/// </remarks>
public static class Snapshot
{
    /// <summary>Compares <paramref name="text"/> with what was approved; throws with a diff when they differ or nothing was approved yet.</summary>
    /// <param name="text">What the test produced. Line ends are compared as line feeds; trailing line ends do not count.</param>
    /// <param name="extension">The file's extension, without a dot: "txt", "yaml", "json".</param>
    /// <param name="variant">Tells several snapshots of one test apart: <c>Class.Method_variant.verified.ext</c>.</param>
    /// <param name="scrub">Replaces what differs from run to run (ports, times, folders) before the comparison.</param>
    /// <param name="sourceFile">Filled in by the compiler.</param>
    /// <param name="method">Filled in by the compiler.</param>
    /// <returns>Completed when the texts are equal; await it or return it.</returns>
    public static Task Verify(
        string text,
        string extension = "txt",
        string? variant = null,
        Func<string, string>? scrub = null,
        [CallerFilePath] string sourceFile = "",
        [CallerMemberName] string method = "")
    {
        ArgumentNullException.ThrowIfNull(text);
        var name = $"{Path.GetFileNameWithoutExtension(sourceFile)}.{method}" + (variant is null ? "" : $"_{variant}");
        var actual = Normalized(scrub is null ? text : scrub(text));
#if VERIFY
        var settings = new VerifyTests.VerifySettings();
        settings.UseFileName(name);
        settings.DisableDiff();
        return VerifyXunit.Verifier.Verify(actual, extension, settings, sourceFile).ToTask();
#else
        Compare(actual, Path.Combine(Path.GetDirectoryName(sourceFile)!, name), extension);
        return Task.CompletedTask;
#endif
    }

    static string Normalized(string text) => text.Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd('\n');

#if !VERIFY
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);

    static void Compare(string actual, string path, string extension)
    {
        var verified = $"{path}.verified.{extension}";
        var received = $"{path}.received.{extension}";
        if (!Directory.Exists(Path.GetDirectoryName(path)))
        {
            Assert.Fail($"The folder of the snapshot {verified} does not exist: the tests must run from the source tree they were built in.");
        }

        var expected = File.Exists(verified) ? Normalized(File.ReadAllText(verified)) : null;
        if (expected == actual)
        {
            File.Delete(received);
            return;
        }

        File.WriteAllText(received, actual, Utf8);
        Assert.Fail(expected is null
            ? $"New snapshot: nothing is approved in {verified}.\nReceived ({received}):\n{actual}"
            : $"Snapshot differs from {verified} (- approved, + received in {received}):\n{Diff(expected.Split('\n'), actual.Split('\n'))}");
    }

    const int Context = 3;

    /// <summary>The changed lines with three around them, as `diff -u` shows them: longest common subsequence, enough for files of a few thousand lines.</summary>
    static string Diff(string[] before, string[] after)
    {
        var common = new int[before.Length + 1, after.Length + 1];
        for (var i = before.Length - 1; i >= 0; i--)
        {
            for (var j = after.Length - 1; j >= 0; j--)
            {
                common[i, j] = before[i] == after[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }

        var lines = new List<(char Mark, string Text, int Line)>();
        for (int i = 0, j = 0; i < before.Length || j < after.Length;)
        {
            if (i < before.Length && j < after.Length && before[i] == after[j])
            {
                lines.Add((' ', before[i++], ++j));
            }
            else if (j == after.Length || (i < before.Length && common[i + 1, j] >= common[i, j + 1]))
            {
                lines.Add(('-', before[i++], j + 1));
            }
            else
            {
                lines.Add(('+', after[j], ++j));
            }
        }

        var text = new StringBuilder();
        for (int at = 0, last = -1; at < lines.Count; at++)
        {
            if (!lines.Skip(at - Context).Take((2 * Context) + 1 + Math.Min(0, at - Context)).Any(line => line.Mark != ' '))
            {
                continue;
            }

            if (at != last + 1)
            {
                text.Append("  … line ").Append(lines[at].Line).Append(":\n");
            }

            text.Append(lines[at].Mark).Append(' ').Append(lines[at].Text).Append('\n');
            last = at;
        }

        return text.ToString();
    }
#endif
}
