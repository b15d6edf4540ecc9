using System.Net;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Ansible;

/// <summary>Whatever form a secret takes on its way, it does not come out.</summary>
public sealed class SecretMaskerTests
{
    const string Awkward = "p\"ä/ s+s&w%rd=\\ž'";

    public static TheoryData<string> Secrets => ["hunter2", "hunter22", "hunter222", Awkward, "abc", "1234567", "a b c d", "quote\"inside"];

    [Theory]
    [MemberData(nameof(Secrets))]
    public void Every_form_of_a_secret_is_masked(string secret)
    {
        var masker = new SecretMasker();
        masker.Add(secret);
        foreach (var leak in new[]
        {
            secret,
            $"GET /?password={Uri.EscapeDataString(secret)}",
            $"GET /?password={WebUtility.UrlEncode(secret)}",
            $"GET /?password={Uri.EscapeDataString(secret).ToLowerInvariant()}",
            Json.Compact(new JObject { ["password"] = secret }),
            Json.CompactAscii(new JObject { ["password"] = secret }),
            $"{{'password': '{secret}'}}",
            $"https://user:{secret}@host/",
        })
        {
            var masked = masker.Mask("before " + leak + " after");
            Assert.DoesNotContain(secret, masked, StringComparison.Ordinal);
            Assert.Contains(SecretMasker.WithinText, masked, StringComparison.Ordinal);
            Assert.Contains("before", masked, StringComparison.Ordinal);
            Assert.Contains("after", masked, StringComparison.Ordinal);
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
}
