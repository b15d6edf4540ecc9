using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Files;

public sealed class AtomicFileTests : IDisposable
{
    static readonly FileSettings Secret = new(FileSettings.Secret);

    readonly TestFolder folder = new("files");

    public void Dispose() => folder.Dispose();

    static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    [Fact]
    public void A_second_write_of_the_same_changes_nothing()
    {
        var path = folder["a.json"];

        var first = AtomicFile.Write(path, Bytes("one"), Secret, checkMode: false);
        var stamp = File.GetLastWriteTimeUtc(path);
        var second = AtomicFile.Write(path, Bytes("one"), Secret, checkMode: false);

        Assert.True(first.Changed);
        Assert.Null(first.Before);
        Assert.Equal("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed", first.Sha256);
        Assert.False(second.Changed);
        Assert.Equal("one", Encoding.UTF8.GetString(second.Before!.Value.Span));
        Assert.Equal(stamp, File.GetLastWriteTimeUtc(path));
        Assert.Equal(FileSettings.Secret, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Nobody_else_can_open_it_even_for_a_moment_and_no_part_is_left()
    {
        var path = folder["a.json"];
        var modes = new HashSet<UnixFileMode>();
        using var watcher = new FileSystemWatcher(folder.Path) { EnableRaisingEvents = true };
        watcher.Created += (_, created) =>
        {
            if (File.Exists(created.FullPath))
                modes.Add(File.GetUnixFileMode(created.FullPath));
        };

        AtomicFile.Write(path, new byte[8 << 20], Secret, checkMode: false);

        Assert.Equal([path], Directory.GetFiles(folder.Path));
        Assert.DoesNotContain(modes, mode => mode != FileSettings.Secret);
    }

    [Fact]
    public void Only_the_mode_differs()
    {
        var path = folder["a.json"];
        AtomicFile.Write(path, Bytes("one"), new(FileSettings.Readable), checkMode: false);

        Assert.True(AtomicFile.Write(path, Bytes("one"), Secret, checkMode: true).Changed);
        Assert.Equal(FileSettings.Readable, File.GetUnixFileMode(path));
        Assert.True(AtomicFile.Write(path, Bytes("one"), Secret, checkMode: false).Changed);
        Assert.Equal(FileSettings.Secret, File.GetUnixFileMode(path));
        Assert.False(AtomicFile.Write(path, Bytes("one"), Secret, checkMode: false).Changed);
    }

    [Fact]
    public void Where_nothing_is_said_an_existing_file_keeps_its_mode_and_a_new_one_is_readable()
    {
        var path = folder["a.json"];
        AtomicFile.Write(path, Bytes("one"), new(), checkMode: false);
        Assert.Equal(FileSettings.Readable, File.GetUnixFileMode(path));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);

        Assert.True(AtomicFile.Write(path, Bytes("two"), new(), checkMode: false).Changed);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Owner_and_group_by_name_or_number()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            // Only root may give files away, and the refusal says so.
            var refused = Assert.Throws<ModuleException>(() => AtomicFile.Write(folder["a"], Bytes("one"), new(Owner: "root"), checkMode: true));
            Assert.Contains("only root gives files away", refused.Message, StringComparison.Ordinal);
            return;
        }

        var path = folder["a.json"];
        Assert.True(AtomicFile.Write(path, Bytes("one"), Secret with { Owner = "nobody", Group = "12345" }, checkMode: false).Changed);
        Assert.Equal((65534u, 12345u), PosixFile.OwnerOf(path));
        Assert.False(AtomicFile.Write(path, Bytes("one"), Secret with { Owner = "65534" }, checkMode: false).Changed);
        Assert.True(AtomicFile.Write(path, Bytes("two"), Secret, checkMode: false).Changed);
        Assert.Equal((65534u, 12345u), PosixFile.OwnerOf(path));
    }

    [Fact]
    public void A_symbolic_link_stays_and_what_it_names_is_replaced()
    {
        var file = folder.Write("real/config.json", "one");
        var link = folder["config.json"];
        File.CreateSymbolicLink(link, "real/config.json");

        Assert.True(AtomicFile.Write(link, Bytes("two"), new(), checkMode: false).Changed);

        Assert.Equal("real/config.json", new FileInfo(link).LinkTarget);
        Assert.Equal("two", File.ReadAllText(file));
        Assert.False(AtomicFile.Write(link, Bytes("two"), new(), checkMode: false).Changed);
    }

    [Fact]
    public void Check_mode_writes_nothing_and_predicts()
    {
        var path = folder["deep", "er", "a.json"];

        Assert.True(AtomicFile.Write(path, Bytes("one"), Secret with { MakeFolder = true }, checkMode: true).Changed);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
        Assert.True(AtomicFile.Write(path, Bytes("one"), Secret with { MakeFolder = true }, checkMode: false).Changed);
        Assert.False(AtomicFile.Write(path, Bytes("one"), Secret with { MakeFolder = true }, checkMode: true).Changed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_fault_is_a_sentence_in_check_mode_too(bool checkMode)
    {
        folder.Write("file", "");
        File.CreateSymbolicLink(folder["loop"], folder["loop"]);

        Says("folder FOLDER/none does not exist", () => AtomicFile.Write(folder["none", "a"], Bytes("one"), Secret, checkMode));
        Says("folder FOLDER/file is a file", () => AtomicFile.Write(folder["file", "a"], Bytes("one"), Secret, checkMode));
        Says("folder FOLDER/file/b cannot be made: FOLDER/file is a file", () => AtomicFile.Write(folder["file", "b", "a"], Bytes("one"), Secret with { MakeFolder = true }, checkMode));
        Says("FOLDER cannot be written: it is a folder", () => AtomicFile.Write(folder.Path, Bytes("one"), Secret, checkMode));
        Says("FOLDER/loop cannot be written: ", () => AtomicFile.Write(folder["loop"], Bytes("one"), Secret, checkMode));
        Says("user \"no-such-user\" does not exist on this host", () => AtomicFile.Write(folder["a"], Bytes("one"), new(Owner: "no-such-user"), checkMode));
        Says("group \"no-such-group\" does not exist on this host", () => AtomicFile.Write(folder["a"], Bytes("one"), new(Group: "no-such-group"), checkMode));
        Assert.Equal(["file", "loop"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData(28, "DISK_FULL", "/x/a cannot be written: no space is left on its disk")]
    [InlineData(122, "DISK_FULL", "/x/a cannot be written: the disk quota is used up")]
    [InlineData(30, "FILE", "/x/a cannot be written: its file system is read-only")]
    [InlineData(27, "FILE", "/x/a cannot be written: its file system, or the limit of the process (ulimit -f), takes no file that large")]
    [InlineData(223, "FILE", "/x/a cannot be written: its file system, or the limit of the process (ulimit -f), takes no file that large")]
    [InlineData(112, "DISK_FULL", "/x/a cannot be written: no space is left on its disk")]
    [InlineData(36, "FILE", "/x/a cannot be written: its name is too long for the file system")]
    public void What_the_system_says_is_said(int number, string code, string message)
    {
        var fault = Assert.Throws<ModuleException>(() => FileFault.Explain<int>("/x/a", () => throw new IOException("errno", number)));

        Assert.Equal(code, fault.Code);
        Assert.Equal(message, fault.Message);
        Assert.NotNull(fault.Hint);
    }

    [Fact]
    public void Deleting_what_is_not_there_changes_nothing()
    {
        var path = folder.Write("a", "one");

        Assert.True(AtomicFile.Delete(path, checkMode: true));
        Assert.True(AtomicFile.Delete(path, checkMode: false));
        Assert.False(AtomicFile.Delete(path, checkMode: false));
    }

    [Theory]
    [InlineData("\"0600\"", 384)]
    [InlineData("\"600\"", 384)]
    [InlineData("\"0o644\"", 420)]
    [InlineData("420", 420)]
    public void Modes_as_Ansible_gives_them(string json, int mode) => Assert.Equal((UnixFileMode)mode, FileSettings.ParseMode(JToken.Parse(json)));

    [Theory]
    [InlineData("\"0888\"")]
    [InlineData("\"rw\"")]
    [InlineData("\"\"")]
    [InlineData("5000")]
    [InlineData("-1")]
    public void Modes_that_are_none(string json) => Assert.Equal(ErrorCodes.InvalidArgument, Assert.Throws<ModuleException>(() => FileSettings.ParseMode(JToken.Parse(json))).Code);

    void Says(string start, Action write)
    {
        var fault = Assert.Throws<ModuleException>(write);
        Assert.StartsWith(start, fault.Message.Replace(folder.Path, "FOLDER", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.Message);
    }
}
