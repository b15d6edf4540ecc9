using Passthrough.Modules.ImageArchive;

namespace Passthrough.Modules.Tests.ImageArchive;

public class WordingTests
{
    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(1023, "1023 bytes")]
    [InlineData(1024, "1.0 KiB")]
    [InlineData(1048575, "1.0 MiB")]
    [InlineData(44_238_001_664, "41.2 GiB")]
    [InlineData(long.MaxValue, "8192.0 PiB")]
    public void Bytes(long bytes, string text) => Assert.Equal(text, Wording.Bytes(bytes));

    [Theory]
    [InlineData(0.44, "0.4 s")]
    [InlineData(9.94, "9.9 s")]
    [InlineData(12.4, "12 s")]
    [InlineData(372.4, "6 min 12 s")]
    [InlineData(7380, "2 h 3 min")]
    public void Durations(double seconds, string text) => Assert.Equal(text, Wording.Duration(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_pace_needs_bytes_and_time()
    {
        Assert.Equal("6 min 12 s, 34.0 MiB/s", Wording.Pace(372L * 34 * 1024 * 1024, TimeSpan.FromSeconds(372)));
        Assert.Equal("0.0 s", Wording.Pace(5, TimeSpan.Zero));
        Assert.Equal("3.0 s", Wording.Pace(0, TimeSpan.FromSeconds(3)));
    }
}
