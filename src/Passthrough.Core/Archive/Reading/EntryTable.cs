using System.Collections;
using System.Runtime.InteropServices;
using System.Text;

namespace Passthrough.Core.Archive.Reading;

/// <summary>
/// The entries of an archive by place and by name. An archive of oc-mirror has a hundred thousand names of two hundred characters: as strings with a
/// dictionary over them they would take more memory than a whole load may, so they are kept as UTF-8 in pages.
/// </summary>
/// <param name="path">What messages call the archive.</param>
sealed class EntryTable(string path) : IReadOnlyList<ArchiveEntry>
{
    /// <summary>A name never crosses from one page to the next.</summary>
    const int PageBits = 20;
    const int PageSize = 1 << PageBits;
    const int None = -1;
    const string NoArchive = "this is no image archive";

    readonly List<Slot> slots = [];
    readonly List<byte[]> pages = [];
    int used = PageSize;
    int[] buckets = NewBuckets(64);

    public int Count => slots.Count;

    public ArchiveEntry this[int index] => EntryOf(slots[index]);

    /// <summary>Adds an entry; one of the same name stays and is found after it.</summary>
    /// <exception cref="ModuleException">There are more than an image archive has.</exception>
    public void Add(ArchiveEntry entry)
    {
        if (slots.Count == Limits.Members)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt, $"{path} has more than {Limits.Members} members", NoArchive);
        if ((long)pages.Count * PageSize > Limits.MemberNameBytes)
            throw new ModuleException(ErrorCodes.ArchiveCorrupt,
                $"the names of the members of {path} take more than {Limits.MemberNameBytes} bytes", NoArchive);
        var name = Store(entry.Name);
        var hash = HashOf(name.Span);
        if (slots.Count * 2 >= buckets.Length)
            Grow();
        var bucket = BucketOf(name.Span, hash);
        var link = Store(entry.LinkName);
        slots.Add(new Slot(name.Start, (ushort)name.Span.Length, link.Start, (ushort)link.Span.Length, entry.Kind, entry.Size, entry.Offset, hash, buckets[bucket]));
        buckets[bucket] = slots.Count - 1;
    }

    /// <summary>All entries of that name, the last one first.</summary>
    public IEnumerable<ArchiveEntry> FindAll(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        for (var i = buckets[BucketOf(bytes, HashOf(bytes))]; i != None; i = slots[i].Previous)
            yield return EntryOf(slots[i]);
    }

    /// <summary>
    /// Makes a hard link what it is, another name of a member's content (POSIX pax, "typeflag"). The member mostly stands before it; where
    /// tools sort by name it
    /// may follow, and links may lead to links: one pass forwards, one backwards, one forwards again finds them all in any order that a
    /// tool writes.
    /// </summary>
    /// <param name="normalise">Makes a name of a link's target.</param>
    public void ResolveHardLinks(Func<string, string> normalise)
    {
        var links = Enumerable.Range(0, slots.Count).Where(i => slots[i].Kind == EntryKind.HardLink).ToList();
        for (var pass = 0; pass < 3 && links.Count > 0; pass++)
        {
            links.RemoveAll(i => TryResolve(i, normalise));
            links.Reverse();
        }
    }

    bool TryResolve(int link, Func<string, string> normalise)
    {
        const int MostOfOneName = 16;
        var name = Encoding.UTF8.GetBytes(normalise(Text(slots[link].Link, slots[link].LinkLength)));
        var target = None;
        var last = buckets[BucketOf(name, HashOf(name))];
        // The one that was there when the link was written; where there was none, the one that comes.
        for (var (i, tries) = (last, 0); i != None && tries < MostOfOneName
            && (target == None || target > link); (i, tries) = (slots[i].Previous, tries + 1))
        {
            if (i != link && slots[i].Kind is EntryKind.File or EntryKind.SymbolicLink)
                target = i;
        }

        if (target == None)
            return false;
        var content = slots[target];
        slots[link] = slots[link]
            with
        {
            Kind = content.Kind,
            Size = content.Size,
            Offset = content.Offset,
            Link = content.Link,
            LinkLength = content.LinkLength
        };
        return true;
    }

    public IEnumerator<ArchiveEntry> GetEnumerator()
    {
        foreach (var slot in slots)
            yield return EntryOf(slot);
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    ArchiveEntry EntryOf(Slot slot) => new(Text(slot.Name, slot.NameLength), slot.Kind, slot.Size, slot.Offset, Text(slot.Link, slot.LinkLength));

    string Text(int start, int length) => Encoding.UTF8.GetString(Bytes(start, length));

    ReadOnlySpan<byte> Bytes(int start, int length) => length == 0 ? [] : pages[start >> PageBits].AsSpan(start & (PageSize - 1), length);

    Stored Store(string text)
    {
        var length = Encoding.UTF8.GetByteCount(text);
        // The folder that was packed is "./", which leaves no name.
        if (length == 0)
            return default;
        if (used + length > PageSize)
        {
            pages.Add(new byte[PageSize]);
            used = 0;
        }

        var start = ((pages.Count - 1) << PageBits) | used;
        Encoding.UTF8.GetBytes(text, pages[^1].AsSpan(used));
        used += length;
        return new Stored(start, Bytes(start, length));
    }

    // Where the last entry of that name is, or would be. Entries of one name hang one behind the other, so a name that stands a million times costs no search.
    int BucketOf(ReadOnlySpan<byte> name, int hash)
    {
        for (var bucket = hash & (buckets.Length - 1); ; bucket = (bucket + 1) & (buckets.Length - 1))
        {
            var i = buckets[bucket];
            if (i == None || (slots[i].Hash == hash && Bytes(slots[i].Name, slots[i].NameLength).SequenceEqual(name)))
                return bucket;
        }
    }

    void Grow()
    {
        var lasts = buckets.Where(last => last != None).ToList();
        buckets = NewBuckets(buckets.Length * 2);
        foreach (var last in lasts)
        {
            var bucket = slots[last].Hash & (buckets.Length - 1);
            while (buckets[bucket] != None)
                bucket = (bucket + 1) & (buckets.Length - 1);
            buckets[bucket] = last;
        }
    }

    static int[] NewBuckets(int count)
    {
        var empty = new int[count];
        Array.Fill(empty, None);
        return empty;
    }

    // Seeded by the runtime, so that nobody can choose names that meet.
    static int HashOf(ReadOnlySpan<byte> name)
    {
        var hash = new HashCode();
        hash.AddBytes(name);
        return hash.ToHashCode();
    }

    [StructLayout(LayoutKind.Auto)]
    readonly ref struct Stored(int start, ReadOnlySpan<byte> span)
    {
        public int Start => start;

        public ReadOnlySpan<byte> Span { get; } = span;
    }

    /// <param name="Previous">The entry of the same name before this one.</param>
    [StructLayout(LayoutKind.Auto)]
    readonly record struct Slot(int Name, ushort NameLength, int Link, ushort LinkLength, EntryKind Kind, long Size, long Offset, int Hash, int Previous);
}
