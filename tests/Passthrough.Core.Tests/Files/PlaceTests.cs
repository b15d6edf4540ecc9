using System.Text;
using Passthrough.Core.Files;
using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Core.Tests.Files;

/// <summary>
/// Which links are followed, and what is refused, in folders that other users own or may write to. Most of it needs root.
/// </summary>
public sealed class PlaceTests : IDisposable
{
    const UnixFileMode Everybody = (UnixFileMode)511; // 0777
    const string Secret = "only root reads this";

    readonly TestFolder folder = new("place");
    readonly string target;

    public PlaceTests() => target = folder.Write("target/file", Secret);

    public void Dispose() => folder.Dispose();

    static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    string Hostile(string kind)
    {
        var path = folder.Folder(kind);
        if (kind == "owned")
            Owners.GiveTo(path);
        else
            File.SetUnixFileMode(
                path,
                kind switch { "sticky" => Everybody | UnixFileMode.StickyBit, "group" => (UnixFileMode)509, _ => Everybody }); // 0775
        if (kind == "group")
            Owners.GiveTo(path, 0);
        return path;
    }

    [Theory]
    [InlineData("owned")]
    [InlineData("open")]
    [InlineData("sticky")]
    public void A_link_in_such_a_folder_is_refused_whatever_is_at_its_other_end(string kind)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        var hostile = Hostile(kind);
        File.CreateSymbolicLink(Path.Combine(hostile, "last"), target);
        File.CreateSymbolicLink(Path.Combine(hostile, "folder"), folder["target"]);
        File.CreateSymbolicLink(Path.Combine(hostile, "dangling"), folder["new"]);
        File.CreateSymbolicLink(Path.Combine(hostile, "back"), "../target");

        foreach (var path in new[] { "last", "folder/file", "folder/new/file", "dangling", "dangling/file", "back/file" })
        {
            foreach (var checkMode in new[] { true, false })
            {
                Refuses("is a symbolic link in a folder that", () =>
                    AtomicFile.Write(Path.Combine(hostile, path), Bytes("new"), new() { MakeFolder = true }, checkMode));
            }

            Refuses("is a symbolic link in a folder that", () => AtomicFile.Read(Path.Combine(hostile, path)));
        }

        Refuses("is a symbolic link in a folder that", () => Folder.Make(Path.Combine(hostile, "dangling"), new(), checkMode: false));
        Assert.Equal(Secret, File.ReadAllText(target));
        Assert.Equal(["file"], Directory.GetFileSystemEntries(folder["target"]).Select(Path.GetFileName));
        Assert.False(Path.Exists(folder["new"]));
    }

    [Fact]
    public void A_link_in_a_folder_of_ours_below_one_of_another_user_keeps_working()
    {
        var hostile = Environment.IsPrivilegedProcess ? Hostile("owned") : folder.Folder("own");
        var ours = Directory.CreateDirectory(Path.Combine(hostile, "ours")).FullName;
        File.CreateSymbolicLink(Path.Combine(ours, "link"), "../../target/file");

        Assert.True(AtomicFile.Write(Path.Combine(ours, "link"), Bytes("new"), new(), checkMode: false).Changed);

        Assert.Equal("new", File.ReadAllText(target));
    }

    [Fact]
    public void Links_to_missing_files_and_folders_lead_there_in_a_folder_of_ours()
    {
        File.CreateSymbolicLink(folder["file"], "made/by/link");
        File.CreateSymbolicLink(folder["folder"], folder["other"]);

        AtomicFile.Write(folder["file"], Bytes("1"), new() { MakeFolder = true }, checkMode: false);
        AtomicFile.Write(folder["folder", "b"], Bytes("2"), new() { MakeFolder = true }, checkMode: false);

        Assert.Equal("1", File.ReadAllText(folder["made", "by", "link"]));
        Assert.Equal("2", File.ReadAllText(folder["other", "b"]));
    }

    [Fact]
    public void Roots_own_group_may_write_without_making_a_folder_strange()
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        var grouped = Hostile("group");
        File.CreateSymbolicLink(Path.Combine(grouped, "link"), target);

        AtomicFile.Write(Path.Combine(grouped, "link"), Bytes("new"), new(), checkMode: false);

        Assert.Equal("new", File.ReadAllText(target));
        Owners.GiveTo(grouped);
        Owners.GiveTo(grouped, 0);
    }

    [Theory]
    [InlineData("open")]
    [InlineData("sticky")]
    public void A_secret_does_not_get_into_a_file_of_another_user(string kind)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        var path = Path.Combine(Hostile(kind), "config.json");
        File.WriteAllText(path, "{}");
        Owners.GiveTo(path);
        var settings = new FileSettings(FileSettings.Secret) { IsSecret = true };

        foreach (var checkMode in new[] { true, false })
            Refuses("belongs to user 54321", () => AtomicFile.Write(path, Bytes("secret"), settings, checkMode));
        Assert.Equal("{}", File.ReadAllText(path));

        // The owner is named: it is theirs. Another is named: theirs is replaced.
        AtomicFile.Write(path, Bytes("secret"), settings with { Owner = "54321" }, checkMode: false);
        Assert.Equal(54321u, PosixFile.OwnerOf(path).Uid);
        AtomicFile.Write(path, Bytes("other"), settings with { Owner = "0" }, checkMode: false);
        Assert.Equal(0u, PosixFile.OwnerOf(path).Uid);
        Assert.Equal(FileSettings.Secret, File.GetUnixFileMode(path));
    }

    [Fact]
    public async Task A_second_name_of_anothers_file_is_neither_read_nor_appended_to()
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        var path = Path.Combine(Hostile("owned"), "hard");
        (await Command.Run("ln", target, path)).MustSucceed();

        Refuses("hard link to a file of user root", () => AtomicFile.Read(path));
        Refuses("hard link to a file of user root", () => AtomicFile.Write(path, Bytes("x"), new(), checkMode: false));
        Refuses("hard link to a file of user root", () => FileFault.Explain(path, () => AppendedFile.Open(path)));
        Assert.Equal(Secret, File.ReadAllText(target));
    }

    [Theory]
    [InlineData("pipe", "named pipe")]
    [InlineData("socket", "socket")]
    [InlineData("device", "device")]
    [InlineData("folder", "folder")]
    public async Task What_is_not_a_regular_file_is_refused_at_once(string kind, string name)
    {
        if (kind == "device" && !Environment.IsPrivilegedProcess)
            return;
        var path = folder[kind];
        if (kind == "folder")
            Directory.CreateDirectory(path);
        else if (kind == "socket")
            new System.Net.Sockets.Socket(
                System.Net.Sockets.AddressFamily.Unix,
                System.Net.Sockets.SocketType.Stream,
                0).Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(Short(path)));
        else
            (await Command.Run(kind == "pipe" ? ["mkfifo", path] : ["mknod", path, "c", "1", "5"], new())).MustSucceed();

        var work = Task.Run(() =>
        {
            foreach (var checkMode in new[] { true, false })
                Refuses($"it is a {name}", () => AtomicFile.Write(path, Bytes("x"), new(), checkMode));
            Refuses($"it is a {name}", () => AtomicFile.Read(path));
            Refuses($"it is a {name}", () => TransferLog.Start(path, new(), TimeProvider.System, text => text));
            Refuses($"it is a {name}", () => TransferLog.Check(path));
            Refuses($"it is a {name}", () => ProgressFile.Start(path, new(), TimeProvider.System));
            Refuses($"it is a {name}", () => AtomicFile.Check(path));
            Assert.Contains(
                $"it is a {name}",
                Assert.ThrowsAny<IOException>(() => InputFile.ReadAllText(path)).Message,
                StringComparison.Ordinal);
        });
        await work.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void A_private_folder_is_not_made_where_others_could_exchange_it()
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        var before = Environment.GetEnvironmentVariable("TMPDIR");
        try
        {
            foreach (var (kind, isGood) in new[] { ("owned", false), ("open", false), ("sticky", true) })
            {
                Environment.SetEnvironmentVariable("TMPDIR", Hostile(kind));
                if (!isGood)
                {
                    Refuses("other users can exchange files in it", () => PrivateFolder.Create("p-").Dispose());
                    continue;
                }

                using (var made = PrivateFolder.Create("p-"))
                {
                    Assert.Equal((UnixFileMode)448, File.GetUnixFileMode(made.Path)); // 0700
                    var file = made.Write("a/b/c", "secret"u8);
                    Assert.Equal(FileSettings.Secret, File.GetUnixFileMode(file));
                }

                Assert.Empty(Directory.GetFileSystemEntries(folder[kind]));
            }
        }
        finally
        {
            Environment.SetEnvironmentVariable("TMPDIR", before);
        }
    }

    // The path of a socket has at most 107 bytes; this one leads there, too.
    static string Short(string path) => Path.GetRelativePath(Environment.CurrentDirectory, path);

    static void Refuses(string words, Action work)
    {
        var fault = Assert.Throws<ModuleException>(work);
        Assert.Equal(ErrorCodes.File, fault.Code);
        Assert.Contains(words, fault.Message, StringComparison.Ordinal);
        Assert.NotNull(fault.Hint);
        Assert.DoesNotContain('\n', fault.Message);
    }
}
