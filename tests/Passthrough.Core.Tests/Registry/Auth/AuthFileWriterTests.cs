using System.Text;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Tests.Registry.Auth;

public sealed class AuthFileWriterTests
{
    const string Registry = "registry.local:8443";
    static readonly Credential Bob = new() { Username = "bob", Password = "pä:ss" };
    static readonly string BobsAuth = Convert.ToBase64String(Encoding.UTF8.GetBytes("bob:pä:ss"));

    readonly List<string> warnings = [];

    static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    string Merge(string? content) => Encoding.UTF8.GetString(AuthFileWriter.Merge("/x/config.json", content is null ? null : Bytes(content), Registry, Bob, warnings.Add).Span);

    static string? Remove(string content) => AuthFileWriter.Remove("/x/config.json", Bytes(content), Registry) is { } left ? Encoding.UTF8.GetString(left.Span) : null;

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" \n")]
    [InlineData("{}")]
    [InlineData("""{"auths": null}""")]
    public void A_new_file_has_the_entry_alone(string? content)
    {
        Assert.Equal($$"""
            {
              "auths": {
                "registry.local:8443": {
                  "auth": "{{BobsAuth}}"
                }
              }
            }

            """, Merge(content));
        Assert.Empty(warnings);
    }

    [Fact]
    public void Others_stay_in_their_order()
    {
        var merged = Merge("""{"HttpHeaders":{"X":"1"},"auths":{"zzz.io":{"auth":"eg=="},"registry.local:8443":{"auth":"b2xk","email":"a@b"},"aaa.io":{"auth":"YQ==","identitytoken":"t"}},"currentContext":"d"}""");

        Assert.Equal($$"""
            {
              "HttpHeaders": {
                "X": "1"
              },
              "auths": {
                "zzz.io": {
                  "auth": "eg=="
                },
                "registry.local:8443": {
                  "auth": "{{BobsAuth}}",
                  "email": "a@b"
                },
                "aaa.io": {
                  "auth": "YQ==",
                  "identitytoken": "t"
                }
              },
              "currentContext": "d"
            }

            """, merged);
    }

    [Fact]
    public void What_is_right_stays_byte_for_byte()
    {
        var content = $$"""{"auths":{ "registry.local:8443":{"auth":"{{BobsAuth}}"} } }""";

        Assert.Equal(content, Merge(content));
    }

    [Fact]
    public void A_token_that_would_be_used_in_place_of_the_password_goes()
    {
        var content = """{"auths":{"registry.local:8443":{"auth":"AUTH","identitytoken":"old"}}}""".Replace("AUTH", BobsAuth, StringComparison.Ordinal);

        Assert.DoesNotContain("identitytoken", Merge(content), StringComparison.Ordinal);
    }

    [Fact]
    public void Member_names_in_any_case_as_Go_reads_them() =>
        Assert.Contains("\"Auths\": {\n    \"a.io\": {},\n    \"registry.local:8443\"", Merge("""{"Auths":{"a.io":{}}}"""), StringComparison.Ordinal);

    [Fact]
    public void What_keeps_programs_from_using_the_entry_is_said()
    {
        Merge("""{"credsStore":"desktop","auths":{"registry.local:8443/mirror":{"auth":"eDp5"}}}""");

        Assert.Equal(2, warnings.Count);
        Assert.StartsWith("/x/config.json has credsStore \"desktop\": docker asks that program", warnings[0], StringComparison.Ordinal);
        Assert.StartsWith("/x/config.json has an entry registry.local:8443/mirror, which is used in place of", warnings[1], StringComparison.Ordinal);
        var fault = Assert.Throws<ModuleException>(() => Merge("""{"credHelpers":{"registry.local:8443":"pass"}}"""));
        Assert.Equal("/x/config.json has pass in credHelpers for registry.local:8443, which is asked before any entry of the file", fault.Message);
    }

    [Theory]
    [InlineData("[]", "is not a JSON object")]
    [InlineData("""{"auths": []}""", "has auths that is not an object")]
    [InlineData("{\"auths\": {", "is not JSON")]
    public void What_is_no_auth_file_is_left_alone(string content, string reason) =>
        Assert.Contains(reason, Assert.Throws<ModuleException>(() => Merge(content)).Message, StringComparison.Ordinal);

    [Fact]
    public void Only_our_entry_is_taken_out()
    {
        Assert.Null(Remove("""{"auths":{"registry.local:8443":{"auth":"eg=="}}}"""));
        Assert.Equal("""{"auths":{"a.io":{}}}""", Remove("""{"auths":{"a.io":{}}}"""));
        Assert.Equal("{\n  \"auths\": {\n    \"a.io\": {}\n  }\n}\n", Remove("""{"auths":{"a.io":{},"registry.local:8443":{"auth":"eg=="}}}"""));
        Assert.Equal("{\n  \"auths\": {},\n  \"credsStore\": \"x\"\n}\n", Remove("""{"auths":{"registry.local:8443":{"auth":"eg=="}},"credsStore":"x"}"""));
    }

    [Fact]
    public void What_is_shown_to_people_has_no_secret()
    {
        var shown = AuthFileWriter.Redact(Bytes("""{"auths":{"a.io":{"auth":"c2VjcmV0","identitytoken":"tok"}},"password":"pw","username":"bob"}"""));

        Assert.DoesNotContain("c2VjcmV0", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("tok\"", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("pw", shown, StringComparison.Ordinal);
        Assert.Contains("bob", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void The_time_in_an_auth_config_changes_with_the_rest_only()
    {
        var config = new AuthConfig { RegistryType = "distribution", RegistryUrl = "https://registry.local:8443", AuthMethod = "basic", Username = "bob", Password = "one" };
        var (monday, tuesday) = (new DateTimeOffset(2026, 1, 5, 8, 0, 0, TimeSpan.FromHours(1)), new DateTimeOffset(2026, 1, 6, 8, 0, 0, TimeSpan.Zero));

        var first = config.Render(null, monday);

        Assert.Equal("""
            {
              "registry_type": "distribution",
              "registry_url": "https://registry.local:8443",
              "auth_method": "basic",
              "username": "bob",
              "password": "one",
              "created_at": "2026-01-05T07:00:00Z"
            }

            """, Encoding.UTF8.GetString(first.Span));
        Assert.Equal(first.ToArray(), config.Render(first, tuesday).ToArray());
        Assert.Contains("2026-01-06", Encoding.UTF8.GetString((config with { Password = "two" }).Render(first, tuesday).Span), StringComparison.Ordinal);
        Assert.Contains("2026-01-06", Encoding.UTF8.GetString(config.Render(Bytes("damaged"), tuesday).Span), StringComparison.Ordinal);
    }
}
