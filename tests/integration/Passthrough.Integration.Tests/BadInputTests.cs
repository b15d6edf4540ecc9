using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;

namespace Passthrough.Integration.Tests;

/// <summary>A user's mistake gives one sentence that says what, where and what to do; never a stack trace, never half a result.</summary>
public sealed class BadInputTests(Stage stage) : IClassFixture<Stage>
{
    [Fact]
    public async Task Every_mistake_gives_one_clear_sentence()
    {
        var archive = await stage.Archive();
        var truncated = stage.Folder["truncated.tar"];
        await File.WriteAllBytesAsync(truncated, (await File.ReadAllBytesAsync(archive))[..^60_000]);
        var noTar = stage.Folder.Write("notes.tar", string.Concat(Enumerable.Repeat("this is no archive\n", 100)));
        var fileInTheWay = stage.Folder.Write("a-file", "");

        (string Mistake, string Module, Dictionary<string, object?> Parameters)[] mistakes =
        [
            ("unknown parameter", "mirror_repo", stage.ToMirror(("regsitry_ca", "x"))),
            ("wrong choice", "mirror_repo", stage.ToMirror(("registry_type", "quai"))),
            ("missing required", "image_archive", stage.ToMirror(("state", "loaded"))),
            ("not a number", "mirror_repo", stage.ToMirror(("timeout", "soon"))),
            ("unreachable host", "registry_auth", stage.ToMirror(("registry_port", ClosedPort()), ("dest_dir", stage.Folder["out"]), ("retries", 0))),
            ("name that does not resolve", "mirror_repo", stage.ToMirror(("registry_host", "no-such-registry.invalid"), ("retries", 0))),
            ("untrusted certificate", "mirror_repo", stage.ToMirror(("ca_path", null), ("retries", 0))),
            ("CA file that is not there", "mirror_repo", stage.ToMirror(("ca_path", stage.Folder["no-ca.pem"]))),
            ("CA file that is no certificate", "mirror_repo", stage.ToMirror(("ca_path", noTar))),
            ("plain HTTP to a TLS port", "mirror_repo", stage.ToMirror(("scheme", "http"), ("ca_path", null), ("retries", 0))),
            ("wrong password", "registry_auth", stage.ToMirror(("username", Stage.UserName), ("password", "wrong"), ("dest_dir", stage.Folder["out"]))),
            ("no credentials to push with", "image_archive", stage.ToMirror(("state", "loaded"), ("path", archive), ("only", new[] { "quay.io/team/*" }), ("username", ""), ("password", ""))),
            ("truncated tar", "image_archive", stage.ToMirror(("state", "loaded"), ("path", truncated))),
            ("not a tar", "image_archive", stage.ToMirror(("state", "loaded"), ("path", noTar))),
            ("archive that is not there", "image_archive", stage.ToMirror(("state", "loaded"), ("path", stage.Folder["none.tar"]))),
            ("reference with an upper-case path", "image_archive", Save("quay.io/Team/App:v1")),
            ("image that is not there", "image_archive", Save("quay.io/team/none:v1")),
            ("output folder that cannot be written", "icsp_render", stage.ToMirror(("dest_dir", Path.Combine(fileInTheWay, "icsp")))),
            ("archive folder that cannot be written", "image_archive", Save("quay.io/team/tool:v1", Path.Combine(fileInTheWay, "set.tar"))),
        ];

        var mark = await stage.Mirror.Mark();
        var report = new StringBuilder();
        foreach (var (mistake, module, parameters) in mistakes)
        {
            // From -vvv on, Ansible's own modules show a stack, too.
            parameters["_ansible_verbosity"] = 0;
            var answer = await NativeModule.Run(module, parameters, settings: mistake.Contains("credentials", StringComparison.Ordinal) ? null : stage.WithCredentials);

            Assert.True(answer.Failed, $"{mistake}: {answer.Command}");
            Assert.False((bool?)answer.Json["changed"] ?? false, mistake);
            Assert.Equal(1, answer.Command.ExitCode);
            Assert.DoesNotContain('\n', answer.Message);
            Assert.DoesNotMatch(@"(?m)^\s+at |Exception|\bnull\b", answer.Message);
            Assert.False(answer.Json.ContainsKey("exception"), mistake);
            Assert.False(string.IsNullOrEmpty(answer.ErrorCode), $"{mistake}: no error.code");
            report.Append($"{mistake} ({module})\n  {answer.ErrorCode}: {answer.Message}\n");
            if ((string?)answer.Json["error"]?["hint"] is { } hint)
                report.Append($"  hint: {hint}\n");
        }

        Assert.DoesNotContain(await stage.Mirror.Writes(mark), write => write.Status is >= 200 and < 300);
        Assert.False(Path.Exists(stage.Folder["out"]), "a failed run left files");
        await Snapshot.Verify(report.ToString(), scrub: Scrub);
    }

    [Fact]
    public async Task A_mistake_looks_the_same_in_a_play()
    {
        var run = await stage.Ansible().AdHoc("localhost", "mirror_repo", stage.ToMirror(("regsitry_ca", "x")), ["-i", "localhost,", "-c", "local", "-vvv"]);

        Assert.False(run.Succeeded);
        Assert.DoesNotContain("Traceback", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("MODULE FAILURE", run.Output, StringComparison.Ordinal);
        Assert.Contains("regsitry_ca", (string)run.Result("mirror_repo")["msg"]!, StringComparison.Ordinal);
    }

    Dictionary<string, object?> Save(string image, string? path = null) => new()
    {
        ["state"] = "saved",
        ["path"] = path ?? stage.Folder["failed", "set.tar"],
        ["images"] = new[] { image },
        ["pull_from"] = stage.PullFrom,
    };

    string Scrub(string text) => Regex.Replace(
        text.Replace(stage.Folder.Path, "FOLDER", StringComparison.Ordinal), @"(?<=127\.0\.0\.1:|no-such-registry\.invalid:)\d+|(?<=sha256:)[0-9a-f]{64}|(?<=byte |claims |, )\d+(?=[:):]| bytes| are left)", match => match.Length == 64 ? "…" : "N");

    static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
