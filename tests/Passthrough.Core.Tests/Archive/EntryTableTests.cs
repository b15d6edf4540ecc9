using Passthrough.Core.Archive.Reading;

namespace Passthrough.Core.Tests.Archive;

public sealed class EntryTableTests
{
    [Fact]
    public void Entries_come_back_by_place_and_by_name_however_many_there_are()
    {
        var random = new Random(7);
        var table = new EntryTable("a.tar");
        // Enough for several pages and many times growing; every tenth name stands twice or more, and one is empty.
        List<ArchiveEntry> entries = [.. Enumerable.Range(0, 20_000).Select(i => new ArchiveEntry(
            i == 5 ? "" : $"{new string((char)('a' + random.Next(26)), random.Next(200))}/{(i % 10 == 0 ? random.Next(500) : i)}/é",
            (EntryKind)random.Next(4), random.NextInt64(), random.NextInt64(), random.Next(3) == 0 ? $"../{i}" : ""))];

        entries.ForEach(table.Add);

        Assert.Equal(entries.Count, table.Count);
        Assert.Equal(entries, table);
        Assert.Equal(entries[17], table[17]);
        foreach (var group in entries.GroupBy(entry => entry.Name, StringComparer.Ordinal))
            Assert.Equal(group.Reverse(), table.FindAll(group.Key));
        Assert.Empty(table.FindAll("nothing"));
    }

    [Fact]
    public void An_empty_one_finds_nothing() => Assert.Empty(new EntryTable("a.tar").FindAll(""));
}
