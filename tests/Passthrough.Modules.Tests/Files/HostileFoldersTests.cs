using System.Diagnostics;
using Newtonsoft.Json.Linq;
using Passthrough.Modules.IcspRender;
using Passthrough.Modules.RegistryAuth;
using Passthrough.Modules.Tests.ImageArchive;
using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Modules.Tests.Files;

/// <summary>The modules as root in folders where another user has prepared traps. Needs root, and a user that has nothing.</summary>
public sealed class HostileFoldersTests : IAsyncLifetime
{
    const string Victim = "root's own file\n";
    const UnixFileMode Everybody = (UnixFileMode)511; // 0777
    const UnixFileMode VictimMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    ArchiveStage stage = null!;
    string victim = null!;
    string hostile = null!;

    public async Task InitializeAsync()
    {
        stage = await ArchiveStage.Start();
        victim = stage.Folder.Write("root/victim", Victim);
        File.SetUnixFileMode(victim, VictimMode);
        hostile = stage.Folder.Folder("hostile");
        File.SetUnixFileMode(hostile, Everybody | UnixFileMode.StickyBit);
        if (Environment.IsPrivilegedProcess)
            Owners.GiveTo(hostile);
    }

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    string In(string name) => Path.Combine(hostile, name);

    void Plant(string name) => File.CreateSymbolicLink(In(name), victim);

    async Task AssertVictimIsUntouched()
    {
        Assert.Equal(Victim, File.ReadAllText(victim));
        Assert.Equal(VictimMode, File.GetUnixFileMode(victim));
        Assert.Equal("0:0", (await Command.Run("stat", "-c", "%u:%g", victim)).Output.Trim());
        Assert.Equal(["victim"], Directory.GetFileSystemEntries(stage.Folder["root"]).Select(Path.GetFileName));
    }

    Task<JObject> Render(bool check, params (string Name, JToken? Value)[] more)
    {
        var parameters = new JObject
        {
            ["registry_type"] = "harbor",
            ["registry_host"] = "registry.local",
            ["dest_dir"] = In("out"),
            ["filename_host"] = "bastion",
        };
        foreach (var (name, value) in more)
            parameters[name] = value;
        return ModuleRunner.RunAsync(new IcspRenderModule(), parameters, check);
    }

    Task<JObject> Authenticate(bool check, params (string Name, JToken? Value)[] more)
    {
        var parameters = JObject.FromObject(stage.Mirror.Parameters());
        parameters["authfile"] = stage.Folder.Write("none.json", "{}");
        parameters["retries"] = 0;
        foreach (var (name, value) in more)
            parameters[name] = value;
        var environment = stage.Mirror.Environment().ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal);
        return ModuleRunner.RunAsync(new RegistryAuthModule(), parameters, check, environment: environment);
    }

    [Theory]
    [InlineData("apply-icsp-harbor.sh")]
    [InlineData("icsp-harbor-bastion.yml")]
    [InlineData("icsp-harbor-metadata.json")]
    [InlineData("registries-harbor.conf")]
    [InlineData("certs.d")]
    [InlineData("openshift")]
    public async Task A_link_that_is_planted_where_icsp_render_writes(string name)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        Owners.GiveTo(Directory.CreateDirectory(In("out")).FullName);
        File.CreateSymbolicLink(In("out/" + name), name is "certs.d" or "openshift" ? stage.Folder["root"] : victim);
        (string, JToken?)[] outputs = name switch
        {
            "certs.d" => [("owner", "54321"), ("outputs", new JArray("hosts_toml"))],
            "openshift" => [("owner", "54321"), ("outputs", new JArray("manifests", "install_config"))],
            _ => [("owner", "54321")],
        };

        foreach (var check in new[] { true, false })
            ArchiveStage.Bad(
                await Render(check, outputs),
                "FILE",
                "is a symbolic link in a folder that user 54321 may write to, and is not followed");

        await AssertVictimIsUntouched();
    }

    [Theory]
    [InlineData("progress_path", "progress.json.new")]
    [InlineData("progress_path", "progress.json")]
    [InlineData("log_path", "transfer.log")]
    [InlineData("path", "set.tar.partial")]
    [InlineData("path", "set.tar.partial.journal")]
    [InlineData("path", "set.tar.sha256")]
    [InlineData("path", "set.tar.manifest.json")]
    [InlineData("path", "set.tar.000.partial")]
    public async Task A_link_that_is_planted_where_image_archive_saves(string parameter, string planted)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        Plant(planted);
        var value = planted.StartsWith(
            "set.tar",
            StringComparison.Ordinal) ? "set.tar" : planted.Replace(".new", "", StringComparison.Ordinal);
        JToken? partSize = planted.Contains(".000", StringComparison.Ordinal) ? 65536 : null;

        var answer = await stage.Run(
            "saved",
            more: [("images", new JArray(ArchiveStage.Tool)), (parameter, In(value)), ("part_size", partSize)]);

        await AssertVictimIsUntouched();
        // What has a name that need not be kept is replaced; a name that the user chose is refused.
        if (planted.EndsWith(
            "partial",
            StringComparison.Ordinal) || planted.EndsWith(
                "journal",
                StringComparison.Ordinal) || planted.EndsWith("new", StringComparison.Ordinal))
            ArchiveStage.Good(answer);
        else
            ArchiveStage.Bad(answer, "FILE", "is a symbolic link in a folder that user 54321 may write to, and is not followed");
    }

    [Theory]
    [InlineData("record_path")]
    [InlineData("progress_path")]
    [InlineData("log_path")]
    public async Task A_link_that_is_planted_where_image_archive_loads(string parameter)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        await stage.Save();
        Plant("file");
        foreach (var check in new[] { true, false })
            ArchiveStage.Bad(
                await stage.Run("loaded", check, more: [(parameter, In("file"))]),
                "FILE",
                "is a symbolic link in a folder that user 54321 may write to");
        await AssertVictimIsUntouched();
    }

    [Theory]
    [InlineData("gap_path")]
    [InlineData("state_path")]
    public async Task A_link_that_is_planted_where_image_archive_inspects(string parameter)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        Plant("file");
        var answer = await stage.Run(
            "inspected",
            more: [("path", null), ("images", new JArray(ArchiveStage.Tool)), (parameter, In("file"))]);
        ArchiveStage.Bad(answer, "FILE", "is a symbolic link in a folder that user 54321 may write to");
        await AssertVictimIsUntouched();
    }

    [Theory]
    [InlineData("auth_config_path")]
    [InlineData("docker_config_path")]
    [InlineData("pull_secret_path")]
    public async Task A_secret_is_not_given_to_a_user_who_has_put_a_file_at_its_path(string parameter)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        File.WriteAllText(In("config.json"), "{\"auths\": {}}");
        Owners.GiveTo(In("config.json"));
        (string, JToken?)[] parameters = [("dest_dir", stage.Folder["out"]), (parameter, In("config.json"))];

        foreach (var check in new[] { true, false })
        {
            var answer = ArchiveStage.Bad(await Authenticate(check, parameters), "FILE", "belongs to user 54321");
            Assert.Contains("set owner to 54321 if that is intended", (string)answer["msg"]!, StringComparison.Ordinal);
        }

        Assert.Equal("{\"auths\": {}}", File.ReadAllText(In("config.json")));
        Assert.False(Path.Exists(stage.Folder["out"]));

        // The user is named.
        ArchiveStage.Good(await Authenticate(check: false, [.. parameters, ("owner", "54321")]));
        Assert.Contains("auth", File.ReadAllText(In("config.json")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auth_config_path")]
    [InlineData("docker_config_path")]
    [InlineData("pull_secret_path")]
    public async Task A_link_to_a_file_of_root_does_not_show_the_user_what_is_in_it(string parameter)
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        const string Secrets = """{"auths": {"registry.example.com": {"auth": "cm9vdDpyb290LXMzY3JldA=="}}, "r00t": "kept"}""";
        File.WriteAllText(victim, Secrets);
        Plant("config.json");

        foreach (var check in new[] { true, false })
        {
            var answer = await Authenticate(check, ("dest_dir", stage.Folder["out"]), ("owner", "54321"), (parameter, In("config.json")));
            ArchiveStage.Bad(answer, "FILE", "is a symbolic link in a folder that user 54321 may write to");
        }

        Assert.Equal([In("config.json")], Directory.GetFileSystemEntries(hostile));
        Assert.False(Path.Exists(stage.Folder["out"]));
        File.WriteAllText(victim, Victim);
        await AssertVictimIsUntouched();
    }

    [Theory]
    [InlineData("ca_path")]
    [InlineData("auth_config_path")]
    [InlineData("docker_config_path")]
    [InlineData("pull_secret_path")]
    public async Task A_named_pipe_does_not_stop_registry_auth(string parameter)
    {
        var pipe = stage.Folder["pipe"];
        (await Command.Run("mkfifo", pipe)).MustSucceed();
        var watch = Stopwatch.StartNew();

        var answer = await Authenticate(
            check: false,
            ("dest_dir", stage.Folder["out"]),
            (parameter, pipe)).WaitAsync(TimeSpan.FromSeconds(60));

        ArchiveStage.Bad(answer, (string)answer["error"]!["code"]!, "named pipe");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData("saved", "images_file")]
    [InlineData("saved", "path")]
    [InlineData("saved", "base")]
    [InlineData("saved", "progress_path")]
    [InlineData("saved", "log_path")]
    [InlineData("loaded", "path")]
    [InlineData("loaded", "record_path")]
    public async Task A_named_pipe_does_not_stop_image_archive(string state, string parameter)
    {
        await stage.Save();
        var pipe = stage.Folder["pipe"];
        (await Command.Run("mkfifo", pipe)).MustSucceed();
        JToken? images = state == "saved" && parameter != "images_file" ? new JArray(ArchiveStage.Tool) : null;

        var run = stage.Run(state, more: [("images", images), ("path", stage.Archive), (parameter, pipe)]);
        var answer = await run.WaitAsync(TimeSpan.FromSeconds(60));

        ArchiveStage.Bad(answer, "FILE", "named pipe");
    }

    [Fact]
    public async Task Folders_and_files_have_their_modes_whatever_the_umask()
    {
        // In a process of its own: the umask belongs to the whole process.
        var output = stage.Folder["made"];
        var program = Path.Combine(AppContext.BaseDirectory, "passthrough.dll");
        string[] runs =
        [
            $"icsp_render registry_host=r.local registry_type=harbor dest_dir={output}/a/b outputs=hosts_toml,script",
            $"image_archive state=saved path={output}/c/d/set.tar images={ArchiveStage.Tool}"
                + $" pull_from='{stage.PullFrom.ToString(Newtonsoft.Json.Formatting.None)}'"
                + $" progress_path={output}/e/progress.json log_path={output}/f/log authfile={stage.Folder.Write("none.json", "{}")}",
        ];
        foreach (var run in runs)
            (await Command.Run("sh", "-c", $"umask 000; exec dotnet exec {Command.Quote(program)} {run}")).MustSucceed();

        foreach (var path in Directory.GetFileSystemEntries(output, "*", SearchOption.AllDirectories).Append(output))
            Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite));
    }
}
