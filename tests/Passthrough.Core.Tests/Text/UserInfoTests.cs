using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Text;

/// <summary>Passwords in addresses are found, and nothing else is taken for one.</summary>
public sealed class UserInfoTests
{
    [Theory]
    [InlineData("https://bob:secret@host", "bob secret", "https://bob:********@host")]
    [InlineData("bob:secret@host:8443", "bob secret", "bob:********@host:8443")]
    [InlineData("http://:secret@proxy.corp:3128", " secret", "http://:********@proxy.corp:3128")]
    [InlineData("bob:p@ss/w@quay.io/a/b:1", "bob p@ss/w", "bob:********@quay.io/a/b:1")]
    [InlineData("https://bob:s%40x@[::1]:1", "bob s%40x, bob s@x", "https://bob:********@[::1]:1")]
    [InlineData("a https://u:one@x, https://v:two@y", "u one, v two", "a https://u:********@x, https://v:********@y")]
    [InlineData("app:1.0@sha256:0123456789abcdef0123", "", "app:1.0@sha256:0123456789abcdef0123")]
    [InlineData("localhost:5000/app@sha256:0123456789abcdef", "", "localhost:5000/app@sha256:0123456789abcdef")]
    [InlineData("quay.io/a/b:v1", "", "quay.io/a/b:v1")]
    [InlineData("https://host:8443/store@v1", "", "https://host:8443/store@v1")]
    [InlineData("mail bob@example.com", "", "mail bob@example.com")]
    public void Finds(string text, string found, string hidden)
    {
        Assert.Equal(found, string.Join(", ", UserInfo.In(text).Select(pair => $"{pair.User} {pair.Password}")));
        Assert.Equal(hidden, UserInfo.Hidden(text));
        Assert.Equal(found.Length > 0, UserInfo.IsIn(text));
    }
}
