using Passthrough.Core.Mirroring;

namespace Passthrough.Core.Tests.Mirroring;

public sealed class RegistriesConfTextTests
{
    [Fact]
    public void Renders_what_is_set_and_nothing_else()
    {
        var conf = new RegistriesConf
        {
            UnqualifiedSearchRegistries = [],
            Registries =
            [
                new RegistryEntry
                {
                    Location = "quay.io",
                    Blocked = true,
                    Mirrors = [new("registry.local:8443/mirror/quay.io", PullFromMirror.DigestOnly) { Insecure = true }, new("m.local/q", PullFromMirror.TagOnly), new("m.local/all")],
                },
                new RegistryEntry { Prefix = "*.redhat.io", Insecure = true, MirrorByDigestOnly = true },
            ],
        };

        Assert.Equal(
            """
            unqualified-search-registries = []

            [[registry]]
            location = "quay.io"
            blocked = true

              [[registry.mirror]]
              location = "registry.local:8443/mirror/quay.io"
              insecure = true
              pull-from-mirror = "digest-only"

              [[registry.mirror]]
              location = "m.local/q"
              pull-from-mirror = "tag-only"

              [[registry.mirror]]
              location = "m.local/all"

            [[registry]]
            prefix = "*.redhat.io"
            insecure = true
            mirror-by-digest-only = true

            """, conf.Render());
        Assert.Equal(conf.Render(), RegistriesConf.Parse(conf.Render()).Render());
        Assert.Equal("", new RegistriesConf().Render());
    }

    [Theory]
    [InlineData("[[registry]]\nlocation = 'a'\nblocked = 'true'\n", "toml: blocked cannot be string")]
    [InlineData("[registry]\nlocation = 'a'\n", "toml: registry cannot be a table")]
    [InlineData("registry = [1]\n", "toml: registry cannot be integer")]
    [InlineData("[[registry]]\nlocation = 2026-01-02\n", "toml: location cannot be date")]
    [InlineData("[[registry]]\nlocation = 'http://a'\n", "invalid location 'http://a': URI schemes are not supported")]
    [InlineData("[aliases]\n'a' = 'x.test/b:c'\n", "validating short-name aliases: invalid alias \"x.test/b:c\": must not contain tag")]
    [InlineData("[aliases]\n'x.test/a' = 'x.test/b'\n", "validating short-name aliases: invalid short name \"x.test/a\": must not contain registry")]
    [InlineData("[aliases]\n'A' = ''\n", "validating short-name aliases: cannot parse short name: \"A\": invalid reference format: repository name (library/A) must be lowercase")]
    public void A_file_that_no_client_would_take_is_refused_in_its_words(string toml, string reason)
    {
        var fault = Assert.Throws<ModuleException>(() => RegistriesConf.Parse(toml, "/etc/containers/registries.conf.d/50-a.conf"));

        Assert.Equal($"loading registries configuration \"/etc/containers/registries.conf.d/50-a.conf\": {reason}", fault.Message);
        Assert.Equal(ErrorCodes.InvalidArgument, fault.Code);
    }

    [Fact]
    public void A_syntax_error_is_named_by_file_and_line() =>
        Assert.StartsWith("loading registries configuration \"registries.conf\": toml: line 2: ", Assert.Throws<ModuleException>(() => RegistriesConf.Parse("# x\n[[registry]\n")).Message, StringComparison.Ordinal);
}
