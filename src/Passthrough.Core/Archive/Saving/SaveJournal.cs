using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Passthrough.Core.Files;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive.Saving;

/// <summary>
/// How far an archive that is being written has come: one line for the plan, then lines <c>digest bytes</c> that are only ever appended. A run that finds
/// one goes on from there. It is never believed blindly: what it claims is hashed again before anything is added to it.
/// </summary>
sealed class SaveJournal : IDisposable
{
    const string FirstWord = "image_archive-save-1";

    readonly SafeFileHandle file;
    readonly Lock gate = new();

    SaveJournal(SafeFileHandle file, string path) => (this.file, Path) = (file, path);

    public static string PathFor(string partial) => partial + ".journal";

    /// <summary>What an interrupted run of the same plan has done: bytes from the start of each blob; null where there was none.</summary>
    public static IReadOnlyDictionary<Digest, long>? Read(string path, string fingerprint)
    {
        if (!File.Exists(path))
            return null;
        var lines = InputFile.ReadAllLines(path);
        if (lines.Length == 0 || lines[0] != $"{FirstWord} {fingerprint}")
            return null;
        var done = new Dictionary<Digest, long>();
        foreach (var line in lines.Skip(1))
        {
            // The last line may be cut.
            if (line.Split(' ') is [var digestText, var bytesText, "."] && Digest.TryParse(digestText, out var digest) && long.TryParse(bytesText, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes))
                done[digest] = Math.Max(bytes, done.GetValueOrDefault(digest));
        }

        return done;
    }

    /// <summary>Starts a journal, or goes on with one that <see cref="Read"/> has accepted.</summary>
    public static SaveJournal Open(string path, string fingerprint, bool goOn)
    {
        if (!goOn)
            AtomicFile.Delete(path, checkMode: false);
        var journal = new SaveJournal(AppendedFile.Open(path), path);
        // A line of its own after one that may be cut.
        journal.Write(goOn ? "" : $"{FirstWord} {fingerprint}");
        return journal;
    }

    public string Path { get; }

    public void Note(Digest blob, long bytes) => Write(string.Create(CultureInfo.InvariantCulture, $"{blob} {bytes} ."));

    void Write(string line)
    {
        lock (gate)
        {
            AppendedFile.Append(file, Encoding.ASCII.GetBytes(line + "\n"));
        }
    }

    public void Dispose() => file.Dispose();
}
