using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Files;

/// <summary>
/// Says in a small file how far a transfer is, for whoever cannot see its output: replaced as a whole about once a second, a last time when it is disposed.
/// <code>{"phase": "uploading", "images_done": 3, "images_total": 38, "bytes_done": 1048576, "bytes_total": 44238000000, "eta_s": 372, "updated": "2026-01-31T12:00:00Z"}</code>
/// <c>eta_s</c> is null while nobody can tell.
/// </summary>
public sealed class ProgressFile : IDisposable
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    readonly string path;
    readonly TransferProgress progress;
    readonly TimeProvider time;
    readonly long started;
    readonly Lock gate = new();
    readonly ITimer timer;

    ProgressFile(string path, TransferProgress progress, TimeProvider time)
    {
        (this.path, this.progress, this.time) = (path, progress, time);
        started = time.GetTimestamp();
        Write();
        timer = time.CreateTimer(_ => TryWrite(), state: null, Interval, Interval);
    }

    /// <summary>Writes the file a first time and goes on with it; its folder is made where it is missing.</summary>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.File"/>: it cannot be written.</exception>
    public static ProgressFile Start(string path, TransferProgress progress, TimeProvider time) => FileFault.Explain(path, () =>
    {
        AtomicFile.Check(path);
        Folder.Make(Path.GetDirectoryName(Path.GetFullPath(path))!, new FileSettings(), checkMode: false);
        return new ProgressFile(Path.GetFullPath(path), progress, time);
    });

    public void Dispose()
    {
        timer.Dispose();
        TryWrite();
    }

    // That nobody can see how far it is must not stop a transfer.
    void TryWrite()
    {
        try
        {
            Write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next one may succeed.
        }
    }

    // Not forced to disk, unlike files that matter: on a busy disk that would slow the transfer down.
    void Write()
    {
        lock (gate)
        {
            var text = Json.Compact(Of(progress.Read(time.GetElapsedTime(started)))) + "\n";
            using var place = Place.OfFile(path);
            if (!place.IsFolderMissing)
                place.Folder.Replace(place.Name, Encoding.UTF8.GetBytes(text), ModeAndOwner.OfNew, toDisk: false);
        }
    }

    JObject Of(ProgressReading now) => new()
    {
        ["phase"] = now.Phase,
        ["images_done"] = now.ImagesDone,
        ["images_total"] = now.ImagesTotal,
        ["bytes_done"] = now.BytesDone,
        ["bytes_total"] = now.BytesTotal,
        ["eta_s"] = now.Left is { } left ? (long)left.TotalSeconds : null,
        ["updated"] = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
    };
}
