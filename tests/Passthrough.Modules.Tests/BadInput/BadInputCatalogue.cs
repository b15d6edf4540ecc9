using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Modules.Tests.ImageArchive;
using Passthrough.Testing;

namespace Passthrough.Modules.Tests.BadInput;

/// <summary>Runs a module once for each mistake and holds what every mistake has in common: failed, nothing changed, one sentence, nothing written.</summary>
/// <param name="stage">The registries, and the folder in which nothing may change.</param>
sealed partial class BadInputCatalogue(ArchiveStage stage)
{
    readonly StringBuilder catalogue = new();
    readonly HashSet<string> messages = new(StringComparer.Ordinal);

    /// <summary>Runs it with <paramref name="parameters"/>; those that are null were not given.</summary>
    public async Task Run(IAnsibleModule module, string mistake, JObject parameters)
    {
        foreach (var nothing in parameters.Properties().Where(property => property.Value.Type == JTokenType.Null).ToList())
            nothing.Remove();
        var (files, mark) = (Files(), await stage.Mirror.Mark());

        var answer = await ModuleRunner.RunAsync(module, parameters, diff: true);

        var (code, message) = ((string?)answer["error"]?["code"], (string?)answer["msg"]);
        Assert.True((bool?)answer["failed"] ?? false, $"{mistake}: {answer}");
        Assert.False((bool?)answer["changed"] ?? true, $"{mistake}: {answer}");
        Assert.False(string.IsNullOrEmpty(code) || string.IsNullOrEmpty(message), $"{mistake}: {answer}");
        Assert.DoesNotContain('\n', message!);
        Assert.DoesNotMatch(Stack(), message!);
        Assert.False(answer.ContainsKey("exception"), mistake);
        Assert.True(messages.Add(message!), $"{mistake}: another mistake has this message, too: {message}");
        Assert.Equal(files, Files());
        Assert.DoesNotContain(await stage.Mirror.Writes(mark), write => write.Status is >= 200 and < 300);
        catalogue.Append(mistake).Append("\n  ").Append(code).Append(": ").Append(message).Append('\n');
    }

    /// <summary>Every mistake with its code and message, without what differs from run to run.</summary>
    public override string ToString() => Volatile().Replace(
        catalogue.ToString().Replace(stage.Folder.Path, "FOLDER", StringComparison.Ordinal).Replace(stage.Mirror.Name, "MIRROR", StringComparison.Ordinal).Replace(stage.Upstream.Name, "UPSTREAM", StringComparison.Ordinal),
        match => match.Length == 64 ? "…" : "N");

    // What the registries keep is theirs; of them the requests are looked at.
    List<(string Path, long Size, DateTime Written)> Files() =>
        [.. from file in new DirectoryInfo(stage.Folder.Path).EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            let path = Path.GetRelativePath(stage.Folder.Path, file.FullName)
            where path.Split('/')[0] is not ("mirror" or "upstream")
            orderby path
            select (path, (file as FileInfo)?.Length ?? 0, file.LastWriteTimeUtc)];

    [GeneratedRegex(@"^\s+at |Exception|\bnull\b|\bSystem\.", RegexOptions.None, 1000)]
    private static partial Regex Stack();

    // Digests, and sizes of what is compressed.
    [GeneratedRegex(@"(?<=sha256[:-])[0-9a-f]{64}|(?<=archive has |part_size to |truncated at byte |header at byte |member claims )\d+|\d+(?= are left)", RegexOptions.None, 1000)]
    private static partial Regex Volatile();
}
