using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Files;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Modules.IcspRender;

/// <summary>
/// The files in <c>dest_dir</c>. What is to be written is known before anything is; a fault in any of them leaves all as they were.
/// </summary>
sealed class OutputFiles
{
    const UnixFileMode ReadBits = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>More names than a sentence can hold are counted.</summary>
    const int MaxNamed = 6;

    readonly ModuleContext context;
    readonly string folder;
    readonly UnixFileMode? mode;
    readonly List<Item> items = [];

    public OutputFiles(ModuleContext context)
    {
        this.context = context;
        folder = context.Arguments.RequiredText("dest_dir");
        mode = context.Arguments.Raw("mode") is { } given ? FileSettings.ParseMode(given) : null;
    }

    public bool Changed => items.Any(item => item.Change.Changed);

    public IReadOnlyList<RenderedFile> Rendered => [.. items.Select(item => item.File)];

    public JArray Data => new(items.Select(item => new JObject { ["path"] = item.Change.Path, ["kind"] = item.File.Kind, ["changed"] = item.Change.Changed, ["sha256"] = item.File.PublicSha256 }));

    public IReadOnlyList<ResultDiff> Diffs => [.. items.Where(item => item.Change.Changed).Select(item => item.Diff)];

    /// <summary>For a sentence.</summary>
    public string Summary => items.Where(item => item.Change.Changed).Select(item => item.File.Name).ToList() is { Count: > 0 } changed
        ? $"{(context.CheckMode ? "would write" : "wrote")} {(changed.Count > MaxNamed ? $"{changed.Count} files" : string.Join(", ", changed))} in {folder}"
        : $"the files in {folder} are as they should be";

    /// <summary>Finds out what becomes of the file, and what is wrong with its path. Writes nothing.</summary>
    public void Add(RenderedFile file)
    {
        var settings = new FileSettings(ModeOf(file), context.Arguments.Text("owner"), context.Arguments.Text("group"))
        {
            MakeFolder = true,
            IsSecret = file.IsSecret,
        };
        items.Add(new Item(file, settings, AtomicFile.Write(Path.Combine(folder, file.Name), file.Content, settings, checkMode: true)));
    }

    public void AddMetadata(string name, MirrorMetadata metadata) =>
        Add(new RenderedFile(name, "metadata", metadata.Render(AtomicFile.Read(Path.Combine(folder, name)), context.Time.GetUtcNow())));

    public void Write()
    {
        foreach (var (file, settings, change) in items.Where(item => item.Change.Changed))
        {
            if (context.Arguments.Flag("backup") && change.Before is { } before && !before.Span.SequenceEqual(file.Content.Span))
                BackUp(change.Path, before, settings);
            AtomicFile.Write(change.Path, file.Content, settings, context.CheckMode);
            context.Actions.Add($"write {change.Path}");
        }
    }

    // The name that Ansible's own modules give: path.PID.time~
    void BackUp(string path, ReadOnlyMemory<byte> content, FileSettings settings)
    {
        var backup = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}.{context.Time.GetLocalNow():yyyy-MM-dd@HH:mm:ss}~");
        AtomicFile.Write(backup, content, settings, context.CheckMode);
        context.Actions.Add($"keep the old {path} as {backup}");
    }

    // Who may read a script may run it.
    UnixFileMode ModeOf(RenderedFile file) => mode switch
    {
        null => file.Mode,
        { } given when file.Mode == FileSettings.Executable => given | (UnixFileMode)((int)(given & ReadBits) >> 2),
        { } given => file.IsSecret ? file.Mode : given,
    };

    sealed record Item(RenderedFile File, FileSettings Settings, FileChange Change)
    {
        public ResultDiff Diff => new(Change.Path, Text(Change.Before), Text(File.Content));

        string Text(ReadOnlyMemory<byte>? content) => File.IsSecret ? AuthFileWriter.Redact(content) : content is null ? "" : Encoding.UTF8.GetString(content.Value.Span);
    }
}
