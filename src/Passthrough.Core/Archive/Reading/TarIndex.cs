using System.Globalization;
using System.Text;

namespace Passthrough.Core.Archive.Reading;

/// <summary>
/// What is where in a tar: one pass over the headers, nothing is extracted and no content is read. Knows ustar, V7, GNU (long names, base-256 sizes)
/// and PAX (<c>path</c>, <c>linkpath</c>, <c>size</c>). Every claim of a header is checked against the file before it is believed.
/// </summary>
public sealed class TarIndex
{
    const int MaxNameLength = 4096;

    readonly EntryTable entries;

    TarIndex(string path) => entries = new EntryTable(path);

    /// <summary>All members in the order of the archive.</summary>
    public IReadOnlyList<ArchiveEntry> Entries => entries;

    /// <summary>The file of that name (the last one, as tar would leave it); null where there is none.</summary>
    public ArchiveEntry? FindFile(string name)
    {
        foreach (var entry in entries.FindAll(name))
            return entry.Kind == EntryKind.File ? entry : null;
        return null;
    }

    /// <summary>All members of that name, the last one first.</summary>
    public IEnumerable<ArchiveEntry> FindAll(string name) => entries.FindAll(name);

    /// <summary>Reads all headers.</summary>
    /// <param name="archive">The tar.</param>
    /// <param name="recorded">Members and their places, sorted: for the headers that a missing part of a split set takes along.</param>
    /// <exception cref="ModuleException"><see cref="ErrorCodes.ArchiveCorrupt"/>: not a tar, truncated, or damaged; the message says at which byte.</exception>
    public static TarIndex Read(ArchiveBytes archive, IReadOnlyList<ArchiveEntry>? recorded = null)
    {
        var index = new TarIndex(archive.Path);
        new Reader(archive, index.entries, recorded ?? []).Run();
        index.entries.ResolveHardLinks(Normalise);
        return index;
    }

    /// <summary>One pass: remembers what long-name and PAX members say about the member that follows them.</summary>
    sealed class Reader(ArchiveBytes archive, EntryTable entries, IReadOnlyList<ArchiveEntry> recorded)
    {
        const string SparseKey = "GNU.sparse.";

        /// <summary>Of UTF-8, in bytes.</summary>
        const int LongestCharacter = 4;

        const string LongName = "a name is longer than 4096 characters or has a NUL in it";

        /// <summary>Headers of small members lie close together: one read brings many.</summary>
        const int WindowSize = 32 * 1024;

        readonly byte[] window = new byte[WindowSize];
        byte[] metadata = [];
        long windowStart;
        int windowLength;

        string? longName;
        string? longLink;
        readonly Dictionary<string, string> pax = new(StringComparer.Ordinal);
        readonly Dictionary<string, string> paxGlobal = new(StringComparer.Ordinal);

        public void Run()
        {
            for (var offset = 0L; ;)
            {
                if (recorded.Count > 0 && !archive.Holds(offset, TarHeader.BlockSize) && !TrySkipGap(ref offset))
                    return;
                if (offset + TarHeader.BlockSize > archive.Length)
                    throw Truncated(offset, "the end marker is missing");
                var block = Block(offset);
                if (!block.ContainsAnyExcept((byte)0))
                    return;
                if (!TarHeader.HasValidChecksum(block))
                    throw offset == 0 ? NotATar() : Corrupt(offset, "the checksum of a header is wrong");
                offset = ReadMember(block, offset);
            }
        }

        // Behind a recorded member stands the next header. What is between is taken from the record; what is not in it stays unknown.
        bool TrySkipGap(ref long offset)
        {
            longName = longLink = null;
            pax.Clear();
            foreach (var entry in recorded)
            {
                if (entry.Offset <= offset || entry.Size > archive.Length - entry.Offset)
                    continue;
                entries.Add(entry);
                offset = entry.Offset + Padded(entry.Size);
                if (archive.Holds(offset, TarHeader.BlockSize))
                    return true;
            }

            return false;
        }

        // Returns where the next header is.
        long ReadMember(ReadOnlySpan<byte> block, long offset)
        {
            var type = TarHeader.TypeFlag(block);
            var isMetadata = type is TarHeader.PaxHeader or TarHeader.PaxGlobalHeader or TarHeader.GnuLongName or TarHeader.GnuLongLink;
            var size = TarHeader.Size(block) ?? throw Corrupt(offset, "the size in a header is no number");
            var content = offset + TarHeader.BlockSize;
            if (isMetadata)
            {
                CheckSize(offset, content, size);
                ReadMetadata(type, offset, content, size);
                return content + Padded(size);
            }

            if (type == TarHeader.GnuSparse || pax.ContainsKey(SparseKey))
                throw new ModuleException(ErrorCodes.Unsupported, $"{archive.Path} has a sparse file at byte {offset}, whose content is not stored as it is", "make the archive again without --sparse");
            var name = Pax("path") ?? longName ?? TarHeader.Name(block);
            var link = Pax("linkpath") ?? longLink ?? TarHeader.LinkName(block);
            var kind = KindOf(type, name);
            if (kind == EntryKind.HardLink && size > 0 && IsFollowedByContent(content, size))
                kind = EntryKind.File;
            // Links, directories and devices have no content whatever their size field says (POSIX pax, "typeflag").
            size = kind is EntryKind.File or EntryKind.Other && type is not ((byte)'3' or (byte)'4' or (byte)'6') ? PaxSize(offset) ?? size : 0;
            if (name.Length > MaxNameLength || link.Length > MaxNameLength || name.Contains('\0', StringComparison.Ordinal))
                throw Corrupt(offset, LongName);
            CheckSize(offset, content, size);
            entries.Add(new ArchiveEntry(Normalise(name), kind, kind == EntryKind.File ? size : 0, content,
                kind is EntryKind.SymbolicLink or EntryKind.HardLink ? link : ""));
            longName = longLink = null;
            pax.Clear();
            return content + Padded(size);
        }

        // Some tools write the content of a hard link once more, others leave a size there that means nothing: the next header is where it
        // tells.
        bool IsFollowedByContent(long content, long size) =>
            size <= archive.Length - content && !IsHeader(content) && IsHeader(content + Padded(size));

        bool IsHeader(long offset) =>
            offset + TarHeader.BlockSize <= archive.Length && archive.Holds(offset, TarHeader.BlockSize)
            && Block(offset) is var block && (!block.ContainsAnyExcept((byte)0) || TarHeader.HasValidChecksum(block));

        void ReadMetadata(byte type, long offset, long content, long size)
        {
            if (size > Limits.TarHeaderBytes)
                throw Corrupt(offset, $"a name or extended header of {size} bytes, the limit is {Limits.TarHeaderBytes}");
            if (metadata.Length < size)
                metadata = new byte[Math.Max((int)size, WindowSize)];
            var bytes = metadata.AsSpan(0, (int)size);
            archive.ReadExactly(bytes, content);
            switch (type)
            {
                case TarHeader.GnuLongName:
                    longName = UntilNul(bytes);
                    break;
                case TarHeader.GnuLongLink:
                    longLink = UntilNul(bytes);
                    break;
                case TarHeader.PaxHeader:
                    ReadPaxRecords(bytes, pax, offset);
                    break;
                default:
                    ReadPaxRecords(bytes, paxGlobal, offset);
                    break;
            }
        }

        // Records are "<length> <key>=<value>\n"; the length counts itself, in decimal (POSIX pax, "pax Extended Header").
        void ReadPaxRecords(ReadOnlySpan<byte> bytes, Dictionary<string, string> into, long offset)
        {
            while (!bytes.IsEmpty && bytes[0] != 0)
            {
                var blank = bytes.IndexOf((byte)' ');
                if (blank is < 1 or > 9 || !int.TryParse(bytes[..blank], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                    || length > bytes.Length || length < blank + 3 || bytes[length - 1] != (byte)'\n')
                {
                    throw Corrupt(offset, "an extended header is malformed");
                }

                var record = bytes[(blank + 1)..(length - 1)];
                var equals = record.IndexOf((byte)'=');
                if (equals < 1)
                    throw Corrupt(offset, "an extended header is malformed");
                Keep(record[..equals], record[(equals + 1)..], into, offset);
                bytes = bytes[length..];
            }
        }

        // All other records may be as large as their author likes: they are not kept.
        void Keep(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, Dictionary<string, string> into, long offset)
        {
            var known = key.SequenceEqual("path"u8) ? "path" : key.SequenceEqual("linkpath"u8) ? "linkpath" : key.SequenceEqual("size"u8)
                ? "size"
                : key.StartsWith("GNU.sparse."u8) ? SparseKey
                : null;
            if (known is null)
                return;
            if (value.Length > LongestCharacter * MaxNameLength)
                throw Corrupt(offset, LongName);
            into[known] = Encoding.UTF8.GetString(value);
        }

        // An empty value takes the global one back.
        string? Pax(string key) =>
            pax.TryGetValue(key, out var own) ? (own.Length == 0 ? null : own)
            : paxGlobal.TryGetValue(key, out var global) && global.Length > 0 ? global
            : null;

        long? PaxSize(long offset) =>
            Pax("size") is not { } text ? null
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size
            : throw Corrupt(offset, "the size in an extended header is no number");

        void CheckSize(long offset, long content, long size)
        {
            if (size > archive.Length - content)
                throw Truncated(offset, $"a member claims {size} bytes, {Math.Max(0, archive.Length - content)} are left");
        }

        ReadOnlySpan<byte> Block(long offset)
        {
            if (offset < windowStart || offset + TarHeader.BlockSize > windowStart + windowLength)
            {
                windowStart = offset;
                windowLength = (int)Math.Min(WindowSize, archive.Length - offset);
                if (!archive.Holds(offset, windowLength))
                    windowLength = TarHeader.BlockSize;
                archive.ReadExactly(window.AsSpan(0, windowLength), offset);
            }

            return window.AsSpan((int)(offset - windowStart), TarHeader.BlockSize);
        }

        ModuleException NotATar() =>
            Compression.Of(window.AsSpan(0, windowLength)) is { } compression
                ? new ModuleException(ErrorCodes.Unsupported, $"{archive.Path} is compressed with {compression.Name}; blobs cannot be read at their offsets", $"decompress it first: {compression.Command}")
                : new ModuleException(ErrorCodes.ArchiveCorrupt, $"{archive.Path} is not a tar archive", "give an archive made by this module, or by skopeo copy … oci-archive:FILE");

        ModuleException Truncated(long offset, string what) =>
            offset == 0 && archive.Length < TarHeader.BlockSize
                ? archive.Length == 0
                    ? new ModuleException(ErrorCodes.ArchiveCorrupt, $"{archive.Path} is empty", "copy it again")
                    : NotATarShort()
                : new ModuleException(ErrorCodes.ArchiveCorrupt, $"{archive.Path} is truncated at byte {archive.Length}: {what} (header at byte {offset})", archive.WhenTruncated);

        ModuleException NotATarShort()
        {
            windowLength = (int)archive.Length;
            archive.ReadExactly(window.AsSpan(0, windowLength), 0);
            return NotATar();
        }

        ModuleException Corrupt(long offset, string what) =>
            new(ErrorCodes.ArchiveCorrupt, $"{archive.Path} is damaged at byte {offset}: {what}", "copy it again; sha256sum -c of the .sha256 file beside it tells whether a copy is whole");

        static EntryKind KindOf(byte type, string name) => type switch
        {
            // V7 has no directories: a trailing slash makes one.
            TarHeader.RegularFile or 0 or (byte)'7' => name.EndsWith('/') ? EntryKind.Directory : EntryKind.File,
            TarHeader.Directory => EntryKind.Directory,
            TarHeader.SymbolicLink => EntryKind.SymbolicLink,
            TarHeader.HardLink => EntryKind.HardLink,
            _ => EntryKind.Other,
        };

        static string UntilNul(ReadOnlySpan<byte> bytes)
        {
            var end = bytes.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
        }
    }

    /// <summary>Content is padded to whole blocks.</summary>
    internal static long Padded(long size) => (size + TarHeader.BlockSize - 1) / TarHeader.BlockSize * TarHeader.BlockSize;

    /// <summary>
    /// Without what does not change which member is meant: a leading <c>./</c> or <c>/</c>, doubled and trailing slashes.
    /// </summary>
    internal static string Normalise(string name)
    {
        if (!name.Contains("./", StringComparison.Ordinal) && !name.Contains("//", StringComparison.Ordinal) && !name.StartsWith('/')
            && !name.EndsWith('/'))
            return name;
        // Tars that were packed with absolute names are the same as all others: nothing is extracted.
        return string.Join('/', name.Split('/').Where(part => part is not ("" or ".")));
    }
}
