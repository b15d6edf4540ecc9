using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;
using Passthrough.Modules.Tests.ImageArchive;
using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Modules.Tests.Files;

/// <summary>A user's day of all modules as root, into a folder of another user, under strace: what the kernel is asked to change.</summary>
public sealed partial class SystemCallTests : IAsyncLifetime
{
    const string Calls = "chown,lchown,fchownat,fchown,chmod,fchmodat,fchmod,rename,renameat,renameat2,"
        + "mkdir,mkdirat,link,linkat,symlink,symlinkat,unlink,unlinkat";

    ArchiveStage stage = null!;

    public async Task InitializeAsync() => stage = await ArchiveStage.Start();

    public Task DisposeAsync() => stage.DisposeAsync().AsTask();

    [Fact]
    public async Task Nothing_is_renamed_made_or_given_away_by_a_path()
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        var home = Owners.GiveTo(stage.Folder.Folder("home"));
        var user = $"{Owners.Stranger}";
        var archive = Path.Combine(home, "images", "set.tar");
        var registry = JObject.FromObject(stage.Mirror.Parameters());
        var trace = "";
        foreach (var (module, parameters) in new (string, JObject)[]
        {
            ("registry_auth", new() { ["dest_dir"] = Path.Combine(home, "auth"), ["owner"] = user, ["group"] = user }),
            ("image_archive", new()
            {
                ["state"] = "saved",
                ["path"] = archive,
                ["images"] = new JArray(ArchiveStage.Tool),
                ["pull_from"] = stage.PullFrom,
            }),
            ("mirror_repo", new() { ["upstreams"] = new JArray("quay.io") }),
            ("image_archive", new()
            {
                ["state"] = "loaded",
                ["path"] = archive,
                ["record_path"] = Path.Combine(home, "record.json"),
                ["progress_path"] = Path.Combine(home, "progress", "p.json"),
                ["log_path"] = Path.Combine(home, "log", "l"),
            }),
            ("icsp_render", new() { ["dest_dir"] = Path.Combine(home, "icsp"), ["owner"] = user, ["group"] = user }),
        })
        {
            if ((string?)parameters["state"] != "saved")
                parameters.Merge(registry);
            trace += await Traced(module, parameters);
        }

        var calls = trace.Split('\n').Where(line => line.Contains('(', StringComparison.Ordinal)).ToList();
        Assert.Contains(calls, line => line.Contains("fchown(", StringComparison.Ordinal));
        Assert.Contains(calls, line => line.Contains("renameat(", StringComparison.Ordinal));
        Assert.Contains(calls, line => line.Contains("mkdirat(", StringComparison.Ordinal));
        // Every one names a descriptor, or one entry of a folder that a descriptor names.
        Assert.DoesNotContain(calls, line => line.Contains(stage.Folder.Path, StringComparison.Ordinal));
        Assert.DoesNotContain(calls, line => ByPath().IsMatch(line));
    }

    async Task<string> Traced(string module, JObject parameters)
    {
        var arguments = stage.Folder.Write($"{module}-arguments.json", Json.Compact(parameters));
        var output = stage.Folder["trace"];
        var environment = stage.Mirror.Environment().Append(new("DOTNET_EnableDiagnostics", "0")).ToDictionary(StringComparer.Ordinal);
        string[] command = ["strace", "-f", "-o", output, "-e", $"trace={Calls}", "dotnet", "exec"];
        string[] run = [.. command, Path.Combine(AppContext.BaseDirectory, "passthrough.dll"), module, $"@{arguments}"];
        (await Command.Run(run, new() { Environment = environment })).MustSucceed();
        return await File.ReadAllTextAsync(output);
    }

    // A call that has no descriptor, or a name with a slash in it.
    [GeneratedRegex(@" (chown|lchown|chmod|rename|mkdir|link|symlink|fchownat|fchmodat)\(|at\(.*""[^""]*/[^""]*""|AT_FDCWD")]
    private static partial Regex ByPath();
}
