using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Text;

/// <summary>What strangers wrote never moves the cursor, turns a sentence around or fills the screen.</summary>
public sealed class ForeignTextTests
{
    [Theory]
    [InlineData("plain words", "plain words")]
    [InlineData("  many \r\n\t blanks ", "many blanks")]
    [InlineData("\u202eturned", "\\u202eturned")]
    [InlineData("\u2066isolated\u2069", "\\u2066isolated\\u2069")]
    [InlineData("\u200fmark\ufeff", "\\u200fmark\\ufeff")]
    [InlineData("\u001b[31mred", "\\u001b[31mred")]
    [InlineData("bell\u0007 \u009b2J", "bell\\u0007 \\u009b2J")]
    [InlineData("naïve 日本 😀", "naïve 日本 😀")]
    public void A_quotation_is_one_line_that_can_be_read(string text, string quoted) => Assert.Equal(quoted, ForeignText.Quote(text));

    [Fact]
    public void A_quotation_is_cut_between_characters()
    {
        var quoted = ForeignText.Quote("x" + string.Concat(Enumerable.Repeat("😀", 5_000_000)));

        Assert.InRange(quoted.Length, ForeignText.MaxQuote - 1, ForeignText.MaxQuote + 1);
        Assert.EndsWith("😀…", quoted);
    }

    [Fact]
    public void A_message_keeps_its_beginning_and_its_end()
    {
        var message = ForeignText.Message($"cannot read {new string('n', 5_000_000)}: make the archive again");

        Assert.StartsWith("cannot read nnn", message);
        Assert.EndsWith("n: make the archive again", message);
        Assert.True(message.Length < ForeignText.MaxMessage + 10);
    }

    [Fact]
    public void A_message_keeps_its_lines_and_no_direction_marks() =>
        Assert.Equal("one\ntwo \\u202ethree", ForeignText.Message("one\ntwo \u202ethree"));
}
