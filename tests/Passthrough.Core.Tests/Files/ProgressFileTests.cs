using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Files;

public sealed class ProgressFileTests : IDisposable
{
    readonly TestFolder folder = new("progress");
    readonly TickingTime time = new(TimeSpan.FromSeconds(1));

    public void Dispose() => folder.Dispose();

    string Path => folder["deep", "progress.json"];

    JObject Content => (JObject)Json.Parse(File.ReadAllText(Path));

    [Fact]
    public void It_is_there_at_once_and_new_every_second()
    {
        var progress = new TransferProgress();
        using var file = ProgressFile.Start(Path, progress, time);
        Assert.Equal("""{"phase":"starting","images_done":0,"images_total":0,"bytes_done":0,"bytes_total":0,"eta_s":null,"updated":"2026-01-02T03:04:05Z"}""" + "\n", File.ReadAllText(Path));

        progress.Phase = "uploading";
        progress.SetTotals(3, 4000);
        progress.AddBytes(1000);
        progress.AddImage("quay.io/a:v1 is delivered");
        Assert.Equal("starting", (string)Content["phase"]!);
        time.Advance(1);

        // 1000 bytes in a second: 3000 are left.
        Assert.Equal("""{"phase":"uploading","images_done":1,"images_total":3,"bytes_done":1000,"bytes_total":4000,"eta_s":3,"updated":"2026-01-02T03:04:06Z"}""" + "\n", File.ReadAllText(Path));
        Assert.Single(Directory.GetFiles(folder["deep"]));
    }

    [Fact]
    public void It_ends_with_the_last_word()
    {
        var progress = new TransferProgress();
        using (ProgressFile.Start(Path, progress, time))
            progress.Phase = "done";

        Assert.Equal("done", (string)Content["phase"]!);
    }

    [Fact]
    public void A_disk_that_refuses_it_later_stops_nothing()
    {
        using var file = ProgressFile.Start(Path, new TransferProgress(), time);
        Directory.Delete(folder["deep"], recursive: true);

        time.Advance(1);

        Assert.False(File.Exists(Path));
    }

    [Fact]
    public void A_path_that_cannot_be_written_is_said_at_the_start()
    {
        Directory.CreateDirectory(Path);

        var fault = Assert.Throws<ModuleException>(() => ProgressFile.Start(Path, new TransferProgress(), time));

        Assert.Equal(ErrorCodes.File, fault.Code);
        Assert.StartsWith($"{Path} cannot be written: ", fault.Message, StringComparison.Ordinal);
    }
}
