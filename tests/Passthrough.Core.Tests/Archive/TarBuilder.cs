using System.Formats.Tar;
using System.Text;

namespace Passthrough.Core.Tests.Archive;

/// <summary>A tar made entry by entry, as tools make them and as nobody should.</summary>
sealed class TarBuilder : IDisposable
{
    readonly MemoryStream stream = new();
    readonly TarWriter writer;

    public TarBuilder() => writer = new TarWriter(stream, TarEntryFormat.Gnu, leaveOpen: true);

    public TarBuilder File(string name, string text) => File(name, Encoding.UTF8.GetBytes(text));

    public TarBuilder File(string name, byte[] content)
    {
        writer.WriteEntry(new GnuTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
        return this;
    }

    public TarBuilder Link(string name, string target, TarEntryType type = TarEntryType.SymbolicLink)
    {
        writer.WriteEntry(new GnuTarEntry(type, name) { LinkName = target });
        return this;
    }

    public TarBuilder Folder(string name)
    {
        writer.WriteEntry(new GnuTarEntry(TarEntryType.Directory, name));
        return this;
    }

    /// <summary>All entries of another tar, perhaps under other names or without some (a null name leaves one out).</summary>
    public TarBuilder All(string path, Func<string, string?>? rename = null, Func<string, byte[], byte[]>? change = null)
    {
        using var reader = new TarReader(System.IO.File.OpenRead(path));
        while (reader.GetNextEntry() is { } entry)
        {
            if ((rename ?? (name => name))(entry.Name) is not { } name)
                continue;
            if (entry.EntryType is TarEntryType.SymbolicLink)
            {
                Link(name, entry.LinkName);
            }
            else if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
            {
                var content = new byte[entry.Length];
                entry.DataStream?.ReadExactly(content);
                File(name, change is null ? content : change(name, content));
            }
        }

        return this;
    }

    public byte[] ToBytes()
    {
        writer.Dispose();
        return stream.ToArray();
    }

    public string Write(string path)
    {
        System.IO.File.WriteAllBytes(path, ToBytes());
        return path;
    }

    public void Dispose()
    {
        writer.Dispose();
        stream.Dispose();
    }
}
