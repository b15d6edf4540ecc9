using System.Globalization;
using Passthrough.Core;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Integration.Tests;

/// <summary>
/// What <c>image_archive</c> writes to disk: a load the record and what else it was asked for, a save 1.01 times the archive, a differential 1.02 times the new bytes.
/// It runs where all file systems are read-only but one folder, which has no more room than that. Needs root.
/// </summary>
public sealed class DiskUseTests : IDisposable
{
    const long Mebibyte = 1024 * 1024;

    /// <summary>Room for a record, a log and a progress file.</summary>
    const long Little = Mebibyte;

    static readonly string[] Asked = ["log", "progress.json", "record.json"];

    readonly TestFolder folder = new("disk");

    public static TheoryData<string> Uncompressed => ["tar", "split", "folder", "docker-archive"];

    public static TheoryData<string> Compressed => ["gzip", "zstd"];

    public void Dispose() => folder.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Uncompressed))]
    public async Task A_load_writes_nothing_but_what_it_was_asked_for(string form)
    {
        await using var mirror = await DockerRegistry.Start(folder["mirror"]);

        var run = await Confined(Little, Load(mirror, await Archive(form)));

        Assert.True(run.Answer.MustSucceed().Changed);
        Assert.Equal(Asked, run.Left.Keys);
        Assert.InRange(run.Written, 1, Little);
    }

    [SkippableTheory]
    [MemberData(nameof(Compressed))]
    public async Task What_is_compressed_takes_the_place_of_its_content_once_and_leaves_nothing(string form)
    {
        var size = new FileInfo(await Archive("tar")).Length;
        await using var mirror = await DockerRegistry.Start(folder["mirror"]);

        var tooSmall = await Confined(size / 2, Load(mirror, await Archive(form)));
        var writes = await mirror.Writes();
        var run = await Confined(size + Little, Load(mirror, await Archive(form)));

        Assert.Equal(ErrorCodes.DiskFull, tooSmall.Answer.ErrorCode);
        Assert.Empty(writes);
        Assert.True(run.Answer.MustSucceed().Changed);
        Assert.Equal(Asked, run.Left.Keys);
        Assert.InRange(run.Written, size, size + Little);
    }

    [SkippableFact]
    public async Task A_save_writes_hardly_more_than_the_archive()
    {
        await using var upstream = await Upstream(Images);
        var whole = Save(upstream, folder["plain.tar"], Images.Keys);
        (await NativeModule.Run("image_archive", whole)).MustSucceed();
        var size = new FileInfo(folder["plain.tar"]).Length;

        var run = await Confined((long)(size * 1.01), Save(upstream, Writable("set.tar"), Images.Keys));

        run.Answer.MustSucceed();
        Assert.Equal(["set.tar", "set.tar.manifest.json", "set.tar.sha256"], run.Left.Keys);
        Assert.Equal(size, run.Left["set.tar"]);
        Assert.InRange(run.Written, size, size * 1.01);
    }

    [SkippableFact]
    public async Task A_differential_writes_hardly_more_than_what_is_new()
    {
        const string Name = "quay.io/team/next:v2";
        var layer = ImageBuilder.Layer("next", 20 * (int)Mebibyte);
        var images = new Dictionary<string, BuiltImage>(Images) { [Name] = ImageBuilder.Image([Images.Values.First().Blobs[1], layer]) };
        await using var upstream = await Upstream(images);
        (await NativeModule.Run("image_archive", Save(upstream, folder["base.tar"], Images.Keys))).MustSucceed();
        var differential = Save(upstream, Writable("next.tar"), images.Keys);
        differential["base"] = new[] { folder["base.tar"] };

        var run = await Confined((long)(layer.Bytes.Length * 1.02), differential);

        run.Answer.MustSucceed();
        Assert.InRange(run.Left["next.tar"], layer.Bytes.Length, layer.Bytes.Length * 1.02);
        Assert.InRange(run.Written, layer.Bytes.Length, layer.Bytes.Length * 1.02);
    }

    static IReadOnlyDictionary<string, BuiltImage> Images { get; } = MakeImages();

    // 60 MiB, which do not shrink.
    static Dictionary<string, BuiltImage> MakeImages()
    {
        var shared = ImageBuilder.Layer("shared", 15 * (int)Mebibyte);
        return Enumerable.Range(1, 3).ToDictionary(
            i => string.Create(CultureInfo.InvariantCulture, $"quay.io/team/disk{i}:v1"),
            i => ImageBuilder.Image([shared, ImageBuilder.Layer(string.Create(CultureInfo.InvariantCulture, $"disk {i}"), 15 * (int)Mebibyte)]),
            StringComparer.Ordinal);
    }

    /// <summary>The same images in every form, and one of them where a form takes only one.</summary>
    async Task<string> Archive(string form)
    {
        var tar = folder["set.tar"];
        if (!File.Exists(tar))
            OciLayout.WriteTar(tar, Images);
        switch (form)
        {
            case "split":
                (await Command.Run("split", "--bytes=20M", "--numeric-suffixes", "--suffix-length=3", tar, folder["parts.tar."])).MustSucceed();
                return folder["parts.tar"];
            case "folder":
                OciLayout.Write(folder["layout"], Images);
                return folder["layout"];
            case "docker-archive":
                OciLayout.Write(folder["layout"], Images);
                (await new Skopeo(folder["skopeo"]).Run("copy", "--quiet", $"oci:{folder["layout"]}:{Images.Keys.First()}", $"docker-archive:{folder["docker.tar"]}:{Images.Keys.First()}")).MustSucceed();
                return folder["docker.tar"];
            case "gzip":
                (await Command.Run("gzip", "--fast", "--keep", "--force", tar)).MustSucceed();
                return folder["set.tar.gz"];
            case "zstd":
                await File.WriteAllBytesAsync(folder["set.tar.zst"], Packed.Zstd(await File.ReadAllBytesAsync(tar)));
                return folder["set.tar.zst"];
            default:
                return tar;
        }
    }

    async Task<DockerRegistry> Upstream(IReadOnlyDictionary<string, BuiltImage> images)
    {
        var upstream = await DockerRegistry.Start(folder["upstream"]);
        foreach (var (name, image) in images)
            await upstream.Push(image, name[..name.IndexOf(':', StringComparison.Ordinal)], name[(name.IndexOf(':', StringComparison.Ordinal) + 1)..]);
        return upstream;
    }

    static Dictionary<string, object?> Save(DockerRegistry upstream, string path, IEnumerable<string> images) => new()
    {
        ["state"] = "saved",
        ["path"] = path,
        ["images"] = images.ToArray(),
        ["pull_from"] = new Dictionary<string, object?> { ["quay.io"] = $"http://{upstream.Name}/quay.io" },
    };

    Dictionary<string, object?> Load(DockerRegistry mirror, string path)
    {
        var parameters = mirror.Parameters();
        (parameters["state"], parameters["path"]) = ("loaded", path);
        (parameters["record_path"], parameters["log_path"], parameters["progress_path"]) = (Writable("record.json"), Writable("log"), Writable("progress.json"));
        return parameters;
    }

    string Writable(string name) => folder["writable", name];

    /// <summary>Runs the module where only one folder, for temporary files too, can be written to, and that has a limit.</summary>
    /// <param name="room">Bytes that fit in.</param>
    async Task<ConfinedRun> Confined(long room, Dictionary<string, object?> parameters)
    {
        Skip.IfNot(Environment.IsPrivilegedProcess, "only root makes file systems read-only for one program");
        // What the program wrote is added to what its shell did when it ends; what goes to sockets does not count.
        const string Script = """
            set -eu
            writable=$1 room=$2; shift 2
            mount --make-rprivate /
            mkdir -p "$writable"
            mount -t tmpfs -o "size=$room" none "$writable"
            while read -r _ _ _ _ place _; do
              case $place in "$writable"|/proc|/proc/*|/sys|/sys/*) ;; *) mount -o remount,bind,ro "$place" ;; esac
            done </proc/self/mountinfo
            TMPDIR=$writable "$@" || true
            { sed -n 's/^wchar: //p' /proc/$$/io; find "$writable" -type f -printf '%s %f\n'; } >&2
            """;
        var result = await Command.Run(
            ["unshare", "--mount", "sh", "-c", Script, "sh", folder["writable"], room.ToString(CultureInfo.InvariantCulture), .. NativeModule.CommandLine(folder, "image_archive", parameters, checkMode: false)],
            new CommandSettings());
        var told = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new ConfinedRun(
            new ModuleAnswer(result),
            long.Parse(told[0], CultureInfo.InvariantCulture),
            new SortedDictionary<string, long>(told[1..].Select(line => line.Split(' ', 2)).ToDictionary(words => words[1], words => long.Parse(words[0], CultureInfo.InvariantCulture)), StringComparer.Ordinal));
    }

    /// <param name="Written">Bytes, wherever to.</param>
    /// <param name="Left">The files in the folder afterwards, with their sizes.</param>
    sealed record ConfinedRun(ModuleAnswer Answer, long Written, SortedDictionary<string, long> Left);
}
