using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Tests.Registry.Auth;

public sealed class ChallengeTests
{
    [Theory]
    [InlineData("Basic realm=\"test registry\"", "Basic{realm=test registry}")]
    [InlineData("Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\"", "Bearer{realm=https://auth.docker.io/token;service=registry.docker.io;scope=repository:a/b:pull,push}")]
    [InlineData("bearer Realm = \"x\" , SERVICE=y", "bearer{Realm=x;SERVICE=y}")]
    [InlineData("Negotiate, Basic realm=\"a \\\"b\\\"\"", "Negotiate{} Basic{realm=a \"b\"}")]
    [InlineData("Basic realm=\"a\", Bearer realm=\"b\",service=\"c\"", "Basic{realm=a} Bearer{realm=b;service=c}")]
    [InlineData("Basic realm=\"never ends", "Basic{realm=never ends}")]
    [InlineData("", "")]
    [InlineData(" ,, =\"=,", "")]
    public void A_header_is_read_as_its_challenges(string header, string expected) =>
        Assert.Equal(expected, string.Join(' ', Challenge.Parse([header]).Select(one => $"{one.Scheme}{{{string.Join(';', one.Parameters.Select(pair => $"{pair.Key}={pair.Value}"))}}}")));

    [Theory]
    [InlineData("quay.io", "quay.io", true)]
    [InlineData("registry-1.docker.io", "auth.docker.io", true)]
    [InlineData("registry.gitlab.com", "gitlab.com", true)]
    [InlineData("registry.redhat.io", "sso.redhat.com", true)]
    [InlineData("registry.corp.example.com", "login.example.com", true)]
    [InlineData("quay.io", "evil.io", false)]
    [InlineData("quay.io", "quay.io.evil.com", false)]
    [InlineData("registry.co.uk", "evil.co.uk", false)]
    [InlineData("shop.example.co.uk", "auth.example.co.uk", true)]
    [InlineData("10.0.0.1", "10.0.0.2", false)]
    [InlineData("10.0.0.1", "10.0.0.1", true)]
    [InlineData("registry", "auth", false)]
    [InlineData("localhost", "localhost", true)]
    [InlineData("nvcr.io", "authn.nvidia.com", true)]
    [InlineData("registry.redhat.io", "evil.redhat.com", false)]
    [InlineData("registry.hub.docker.com", "auth.docker.io", true)]
    [InlineData("mine.azurecr.io", "yours.azurecr.io", false)]
    [InlineData("mine.jfrog.io", "auth.mine.jfrog.io", true)]
    [InlineData("1.dkr.ecr.eu-west-1.amazonaws.com", "2.dkr.ecr.eu-west-1.amazonaws.com", false)]
    [InlineData("quay-a.apps.ocp.example.com", "evil-b.apps.ocp.example.com", false)]
    [InlineData("REGISTRY.example.com.", "auth.Example.com", true)]
    public void Credentials_go_to_token_services_of_the_same_owner(string registry, string service, bool belongs) => Assert.Equal(belongs, TokenServices.Belongs(registry, service));
}
