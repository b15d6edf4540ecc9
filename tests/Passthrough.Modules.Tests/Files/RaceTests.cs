using Newtonsoft.Json.Linq;
using Passthrough.Modules.IcspRender;
using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Modules.Tests.Files;

/// <summary>
/// A process without rights exchanges what is in its folder, as fast as it can, while a module writes there as root and gives the files to
/// its user.
/// Whatever becomes of the folder: outside of it nothing changes. Needs root.
/// </summary>
public sealed class RaceTests : IDisposable
{
    const int Writes = 1000;

    // Every entry is moved away and a link to root's file or folder put in its place for a moment; new temporary files and folders as well
    // as old ones.
    const string Attack = """
        import os, sys
        target, swaps = sys.argv[1], 0
        while not os.path.exists("stop"):
            for place in (".", "deep"):
                try:
                    names = os.listdir(place)
                except OSError:
                    continue
                for name in names:
                    if name in ("stop", "swaps") or name.endswith(".away"):
                        continue
                    path = os.path.join(place, name)
                    for leads in (target + "/file", target):
                        try:
                            os.rename(path, path + ".away")
                            os.symlink(leads, path)
                            swaps += 1
                            os.rename(path + ".away", path)
                        except OSError:
                            pass
                        try:
                            if os.path.islink(path):
                                os.unlink(path)
                                os.rename(path + ".away", path)
                        except OSError:
                            pass
            with open("swaps", "w") as file:
                file.write(str(swaps))
        """;

    readonly TestFolder folder = new("race");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Nothing_outside_the_folder_of_an_attacker_changes()
    {
        if (!Environment.IsPrivilegedProcess)
            return;
        folder.Write("root/file", "root's own\n");
        folder.Folder("root", "empty");
        var before = await Outside();
        var hostile = Owners.GiveTo(folder.Folder("hostile"));
        Owners.GiveTo(Directory.CreateDirectory(Path.Combine(hostile, "deep")).FullName);
        var user = $"{Owners.Stranger}";
        var attack = Command.Start(
            ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "python3", "-c", Attack, folder["root"]],
            new()
            {
                WorkingDirectory = hostile,
                Timeout = TimeSpan.FromMinutes(10),
                // One that a user without rights may run: root's own may lie below /root.
                Environment = new Dictionary<string, string?> { ["PATH"] = "/usr/bin:/bin" },
            });
        var (tried, written, refused) = (0, 0, new List<JObject>());
        try
        {
            while (!File.Exists(Path.Combine(hostile, "swaps")))
            {
                if (attack.Completion.IsCompleted)
                    throw new InvalidOperationException($"the attack ended: {await attack.Completion}");
                await Task.Delay(10);
            }

            for (var i = 0; tried < Writes; i++)
            {
                // Into the folder itself, one in it, and one that is made anew.
                var destination = new[] { hostile, Path.Combine(hostile, "deep"), Path.Combine(hostile, "deep", $"new-{i}") }[i % 3];
                var answer = await ModuleRunner.RunAsync(new IcspRenderModule(), new JObject
                {
                    ["registry_type"] = "harbor",
                    ["registry_host"] = "registry.local",
                    ["dest_dir"] = destination,
                    ["filename_host"] = "bastion",
                    ["labels"] = new JObject { ["run"] = $"{i}" },
                    ["owner"] = user,
                    ["group"] = user,
                    ["backup"] = i % 2 == 0,
                });
                var failed = (bool?)answer["failed"] == true;
                if (failed)
                    refused.Add(answer);
                var done = answer["actions"]!.Count();
                written += done;
                tried += done + (failed ? 1 : 0);
            }
        }
        finally
        {
            await File.WriteAllTextAsync(Path.Combine(hostile, "stop"), "");
            await attack.Completion;
        }

        Assert.Equal(before, await Outside());
        Assert.All(refused, answer => Assert.Equal("FILE", (string?)answer["error"]!["code"]));
        Assert.True(written > Writes / 20, $"{written} files were written, {refused.Count} runs refused");
        Assert.True(int.Parse(await File.ReadAllTextAsync(Path.Combine(hostile, "swaps")), null) > 100);
    }

    // Owner, mode, size, time of change of everything that is not the attacker's, and the content of the file.
    async Task<string> Outside() =>
        (await Command.Run(
            "stat",
            "-c",
            "%n %u:%g %a %s %Z",
            folder["root"],
            folder["root", "file"],
            folder["root", "empty"])).MustSucceed().Output
        + string.Join(' ', Directory.GetFileSystemEntries(folder["root"], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        + await File.ReadAllTextAsync(folder["root", "file"]);
}
