using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>What every module prints is one JSON object and nothing else, wherever stdout leads: over ssh it is a terminal, and a stray byte there is a failed task.</summary>
public sealed class ModuleOutputTests(Stage stage) : IClassFixture<Stage>
{
    static readonly string[] Names = ["registry_auth", "mirror_repo", "image_archive", "icsp_render"];

    public static TheoryData<string> Modules => [.. Names];

    [Theory]
    [MemberData(nameof(Modules))]
    public async Task Into_a_pipe(string module)
    {
        foreach (var parameters in new[] { Working(module), Failing })
            Check(parameters, (await NativeModule.Run(module, parameters, checkMode: true, stage.WithCredentials)).Command.Output, "\n");
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public async Task Onto_a_terminal(string module)
    {
        foreach (var parameters in new[] { Working(module), Failing })
            Check(parameters, (await NativeModule.Run(module, parameters, checkMode: true, stage.WithCredentials with { Terminal = true })).Command.Output, "\r\n");
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public async Task Into_a_file_behind_what_is_there(string module)
    {
        using var folder = new TestFolder("file");
        foreach (var parameters in new[] { Working(module), Failing })
        {
            var output = folder.Write("out", "before\n");
            var command = string.Join(' ', NativeModule.CommandLine(folder, module, parameters, checkMode: true).Select(Command.Quote));
            var result = await Command.Run(["sh", "-c", $"{command} >>{Command.Quote(output)}; echo after >>{Command.Quote(output)}"], stage.WithCredentials);

            Assert.Empty(result.All);
            var text = await File.ReadAllTextAsync(output);
            Assert.StartsWith("before\n", text, StringComparison.Ordinal);
            Assert.EndsWith("after\n", text, StringComparison.Ordinal);
            Check(parameters, text["before\n".Length..^"after\n".Length], "\n");
        }
    }

    [Theory]
    [MemberData(nameof(Modules))]
    public async Task Without_a_home_a_temporary_folder_or_a_locale(string module)
    {
        var bare = stage.Credentials.Concat(new[] { "HOME", "TMPDIR", "LANG", "LC_ALL", "TERM", "USER" }.Select(name => KeyValuePair.Create(name, (string?)null))).ToDictionary();
        var parameters = Working(module);
        parameters["_ansible_tmpdir"] = null;

        Check(parameters, (await NativeModule.Run(module, parameters, checkMode: true, new() { Environment = bare })).Command.Output, "\n");
    }

    [Fact]
    public async Task Over_ssh_ansible_has_nothing_to_warn_about()
    {
        await using var target = await SshTarget.Start(stage.Folder["ssh"]);
        var inventory = stage.Folder.Write("ssh-inventory", target.InventoryLine("target") + "\n");
        foreach (var module in Names)
        {
            // Over ssh the controller's environment does not come along: credentials travel as parameters, which are secrets by their names.
            var parameters = Working(module);
            if (module != "icsp_render")
                (parameters["username"], parameters["password"]) = (Stage.UserName, Stage.Password);

            var run = await stage.Ansible().AdHoc("target", module, parameters, ["-i", inventory, "--check", "-vvv"]);

            Assert.True(run.Succeeded, run.Command.ToString());
            Assert.Empty(run.Warnings);
            Assert.DoesNotContain("junk after", run.Output, StringComparison.Ordinal);
            Assert.Contains("-tt 127.0.0.1", run.Output.Replace("'", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
    }

    /// <summary>Something each module can do here.</summary>
    Dictionary<string, object?> Working(string module) => module switch
    {
        "image_archive" => stage.SaveAll(stage.Folder["never-written.tar"]),
        "icsp_render" => stage.ToMirror(("dest_dir", stage.Folder["never-made"])),
        "registry_auth" => stage.ToMirror(("dest_dir", stage.Folder["never-made"])),
        "mirror_repo" => stage.ToMirror(("upstreams", new[] { "quay.io" })),
        _ => throw new ArgumentOutOfRangeException(nameof(module)),
    };

    /// <summary>A user's mistake.</summary>
    static Dictionary<string, object?> Failing => new() { ["no_such_parameter"] = "ümläut" };

    static void Check(Dictionary<string, object?> parameters, string output, string lineEnd)
    {
        Assert.StartsWith(lineEnd + "{", output, StringComparison.Ordinal);
        Assert.EndsWith("}" + lineEnd, output, StringComparison.Ordinal);
        var line = output[lineEnd.Length..^lineEnd.Length];
        Assert.DoesNotContain('\n', line);
        Assert.True(Ascii.IsValid(line), "not pure ASCII");
        var json = (JObject)Json.Parse(line, duplicatesAreErrors: true);
        var failed = parameters.ContainsKey("no_such_parameter");
        Assert.True(((bool?)json["failed"] ?? false) == failed, line);
        Assert.False(string.IsNullOrEmpty((string?)json["msg"]), line);
    }
}
