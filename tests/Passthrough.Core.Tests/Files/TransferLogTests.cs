using Passthrough.Core.Files;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Files;

public sealed class TransferLogTests : IDisposable
{
    readonly TestFolder folder = new("log");
    readonly TickingTime time = new(TimeSpan.FromSeconds(10));
    readonly TransferProgress progress = new();

    public void Dispose() => folder.Dispose();

    string Path => folder["deep", "load.log"];

    [Fact]
    public void It_grows_by_phases_images_and_every_ten_seconds()
    {
        using (var log = TransferLog.Start(Path, progress, time, text => text.Replace("hunter2", "********", StringComparison.Ordinal)))
        {
            progress.Phase = "uploading";
            progress.SetTotals(2, 4 * 1024 * 1024);
            progress.AddBytes(1024 * 1024);
            progress.AddImage("quay.io/a:v1 is delivered");
            time.Advance(10);
            time.Advance(10);
            progress.Tell("quay.io/b:v1 failed: hunter2\nis wrong");
            log.Tell("one of two");
        }

        progress.Phase = "nobody listens any more";
        Assert.Equal("""
            2026-01-02T03:04:05Z uploading
            2026-01-02T03:04:05Z quay.io/a:v1 is delivered
            2026-01-02T03:04:15Z uploading: 25% 1.0/4.0 MiB, 1/2 images, 0.1 MiB/s, 00:00:30 left
            2026-01-02T03:04:25Z uploading: 25% 1.0/4.0 MiB, 1/2 images, 0.1 MiB/s, 00:01:00 left
            2026-01-02T03:04:25Z quay.io/b:v1 failed: ******** is wrong
            2026-01-02T03:04:25Z one of two

            """, File.ReadAllText(Path));
    }

    [Fact]
    public void A_run_adds_to_what_is_there_while_others_read()
    {
        folder.Write("deep/load.log", "earlier\n");
        using var reader = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);

        using (var log = TransferLog.Start(Path, progress, time, text => text))
            log.Tell("later");

        Assert.Equal("earlier\n2026-01-02T03:04:05Z later\n", File.ReadAllText(Path));
    }

    [Fact]
    public void A_path_that_cannot_be_written_is_said_at_the_start() =>
        Assert.Equal(ErrorCodes.File, Assert.Throws<ModuleException>(() => TransferLog.Start(folder.Folder("taken"), progress, time, text => text)).Code);
}
