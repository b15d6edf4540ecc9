using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Ansible;

/// <summary>Whatever form a secret takes on its way, it does not come out.</summary>
public sealed partial class SecretMaskerTests
{
    const string Awkward = "p\"ä/ s+s&w%rd=\\ž'";

    public static TheoryData<string> Secrets =>
    [
        "hunter2", "hunter22", "hunter222", Awkward, "abc", "1234567", "a b c d", "quote\"inside",
        "two  blanks", "a\ttab", "end\n", "\r\nstart", "<b>&amp;</b>", "50%41off", "\\n\\u0041",
    ];

    /// <summary>How servers, proxies, shells and programs print a text back.</summary>
    static readonly Func<string, string>[] Encodings =
    [
        text => text,
        text => Json.Compact(new JObject { ["password"] = text }),
        text => Json.CompactAscii(new JObject { ["password"] = text }),
        text => string.Concat(text.Select(c => $"\\u{(int)c:X4}")),
        text => text.Replace("\\", "\\\\").Replace("'", "\\'").Replace("\n", "\\n").Replace("\t", "\\t").Replace("\r", "\\r"),
        text => WebUtility.HtmlEncode(text),
        // As Go's html/template does it.
        text => text.Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;")
            .Replace("\"", "&#34;").Replace("'", "&#39;").Replace("+", "&#43;"),
        text => string.Concat(text.EnumerateRunes().Select(rune => $"&#x{rune.Value:x};")),
        text => string.Concat(text.EnumerateRunes().Select(rune => $"&#{rune.Value};")),
        Uri.EscapeDataString,
        text => HexEscape().Replace(Uri.EscapeDataString(text), match => match.Value.ToLowerInvariant()),
        text => WebUtility.UrlEncode(text),
        text => string.Concat(Encoding.UTF8.GetBytes(text).Select(b => $"%{b:x2}")),
        text => Convert.ToBase64String(Encoding.UTF8.GetBytes(text)),
        text => Convert.ToBase64String(Encoding.UTF8.GetBytes($"robot$mirror:{text}")),
        text => Convert.ToBase64String(Encoding.UTF8.GetBytes($"{{\"auths\":{{\"registry.local\":{{\"password\":\"x{text}\"}}}}}}")),
        text => text.Trim(),
        text => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)),
        text => text.Replace(" ", "\u00a0").Replace("\t", "    ").Replace("\n", "\r\n"),
        text => WebUtility.HtmlEncode(Json.Compact(new JValue(text))),
        text => Json.Compact(new JValue(Json.Compact(new JObject { ["text"] = text }))),
        text => Uri.EscapeDataString(Json.Compact(new JValue(text))),
        text => Json.Compact(new JValue(Uri.EscapeDataString(text))),
        text => Uri.EscapeDataString(Uri.EscapeDataString(text)),
    ];

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Every_form_of_a_secret_is_masked(string secret) => AssertMasked(secret);

    /// <summary>Passwords as people and password managers make them, with what each encoding finds special.</summary>
    [Fact]
    public void Generated_secrets_are_masked_in_every_encoding()
    {
        const string Alphabet = "abcXYZ0189 \t\n\"'\\/&<>%+=$#;:@!?*(){}[]|~^`,.-_äßž€😀";
        var random = new Random(20260131);
        var runes = Alphabet.EnumerateRunes().ToArray();
        for (var i = 0; i < 400; i++)
        {
            var secret = string.Concat(Enumerable.Range(0, random.Next(8, 40)).Select(_ => runes[random.Next(runes.Length)]));
            // White space alone says nothing.
            if (secret.Count(c => !char.IsWhiteSpace(c)) >= 6)
                AssertMasked(secret);
        }
    }

    static void AssertMasked(string secret)
    {
        var masker = new SecretMasker();
        masker.AddCredential("robot$mirror", secret);
        foreach (var encode in Encodings)
        {
            var leak = encode(secret);
            // A short secret within base64 of something else cannot be told from chance; the pair with its user can.
            if (secret.Length < 6 && leak.StartsWith("eyJ"))
                continue;
            var masked = masker.Mask($"before: {leak}, after");
            Assert.True(
                masked.Contains(SecretMasker.WithinText),
                $"not masked: {Json.CompactAscii(new JValue(leak))} of {Json.CompactAscii(new JValue(secret))}");
            Assert.StartsWith("before:", masked);
            Assert.EndsWith("after", masked);
            var core = secret.Trim();
            Assert.False(core.Length >= 6 && masked.Contains(core), $"still there: {masked}");
        }
    }

    /// <summary>What is cut or made one line before it is masked could hide a secret.</summary>
    [Theory]
    [InlineData("two  blanks inside")]
    [InlineData("a\ttab")]
    [InlineData("a\nline feed")]
    [InlineData("one that is cut off here")]
    public void A_quotation_is_masked_before_it_is_cut(string secret)
    {
        var masker = new SecretMasker();
        masker.Add(secret);
        ForeignText.MaskWith(masker.Mask);
        for (var before = ForeignText.MaxQuote - secret.Length - 2; before < ForeignText.MaxQuote + 2; before++)
        {
            var quoted = ForeignText.Quote(new string('x', before) + secret + new string('y', 100));
            Assert.DoesNotContain(secret[..4], quoted);
            Assert.DoesNotContain(secret[^4..], quoted);
        }
    }

    /// <summary>What the integration tests search everything printed with finds each leak before it is masked, and none after.</summary>
    [Theory]
    [MemberData(nameof(Secrets))]
    public void The_collector_of_the_integration_tests_finds_nothing_in_masked_text(string secret)
    {
        var masker = new SecretMasker();
        SecretCollector plain = new(), masked = new();
        foreach (var user in new[] { "u", "us", "user", "a-much-longer-user" })
        {
            masker.AddCredential(user, secret);
            plain.AddSecret(user, secret);
            masked.AddSecret(user, secret);
            var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{secret}"));
            string[] leaks = [secret, basic, Uri.EscapeDataString(secret), Uri.EscapeDataString(basic), Json.Compact(new JValue(secret)), $"x{secret}y", $"Basic {basic}, and so on"];
            foreach (var leak in leaks)
            {
                plain.Add("plain", leak);
                masked.Add("masked", masker.Mask(leak));
            }

            Assert.True(plain.Find().Count >= leaks.Length);
        }

        Assert.Empty(masked.Find());
    }

    [Fact]
    public void Base64_is_masked_at_each_alignment_and_with_the_url_alphabet()
    {
        const string Secret = "s3cr3t-w0rd>?~";
        var masker = new SecretMasker();
        masker.Add(Secret);
        for (var before = 0; before < 7; before++)
        {
            var bytes = Encoding.UTF8.GetBytes(new string('x', before) + Secret + "tail");
            foreach (var text in new[] { Convert.ToBase64String(bytes), Convert.ToBase64String(bytes).Replace('+', '-').Replace('/', '_') })
            {
                var masked = masker.Mask(text);
                Assert.Contains(SecretMasker.WithinText, masked, StringComparison.Ordinal);
                // Of the secret at most the two characters at each end that other bytes have a part in are left.
                Assert.True(masked.Length <= text.Length - (Secret.Length * 4 / 3) + 4 + SecretMasker.WithinText.Length, masked);
            }
        }
    }

    [Fact]
    public void Values_keys_and_numbers_are_masked_wherever_they_are()
    {
        var masker = new SecretMasker();
        masker.AddAll(new JObject { ["a"] = "hunter2", ["b"] = new JArray("other-secret", 987654, true) });
        var masked = masker.Mask(Json.Parse("""
            {"exact": "hunter2", "list": ["x hunter2 y", {"deep hunter2": "other-secret"}], "hunter2": 1, "number": 987654, "text": "n 987654", "flag": true, "nothing": null}
            """));

        Assert.Equal(
            $$"""{"exact":"{{SecretMasker.WholeValue}}","list":["x {{SecretMasker.WithinText}} y",{"deep {{SecretMasker.WithinText}}":"{{SecretMasker.WholeValue}}"}],"{{SecretMasker.WholeValue}}":1,"number":"{{SecretMasker.WholeValue}}","text":"n {{SecretMasker.WithinText}}","flag":true,"nothing":null}""",
            Json.Compact(masked));
    }

    [Fact]
    public void A_secret_within_a_longer_one_does_not_leave_the_rest()
    {
        var masker = new SecretMasker();
        masker.Add("hunter");
        masker.Add("hunter2-and-more");

        Assert.Equal($"x {SecretMasker.WithinText} y", masker.Mask("x hunter2-and-more y"));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("ab")]
    public void A_tiny_secret_is_masked_only_as_a_whole(string secret)
    {
        var masker = new SecretMasker();
        masker.Add(secret);

        Assert.Equal(SecretMasker.WholeValue, masker.Mask(secret));
        Assert.Equal("a table, abc", masker.Mask("a table, abc"));
    }

    [Fact]
    public void Nothing_is_no_secret()
    {
        var masker = new SecretMasker();
        masker.Add("");
        masker.Add(null);
        masker.AddAll(null);

        Assert.Equal("any text", masker.Mask("any text"));
        Assert.Equal("", masker.Mask(""));
    }

    [Fact]
    public async Task Secrets_can_be_added_while_others_mask()
    {
        var masker = new SecretMasker();
        await Parallel.ForAsync(0, 200, (i, _) =>
        {
            masker.Add($"secret-number-{i}");
            Assert.DoesNotContain($"secret-number-{i} ", masker.Mask($"secret-number-{i} "), StringComparison.Ordinal);
            return ValueTask.CompletedTask;
        });
    }

    [GeneratedRegex("%[0-9A-F]{2}")]
    private static partial Regex HexEscape();
}
