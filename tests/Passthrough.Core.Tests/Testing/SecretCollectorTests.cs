using Passthrough.Testing;

namespace Passthrough.Core.Tests.Testing;

/// <summary>What every test of leaks relies on: that a leak is found, in whichever form.</summary>
public sealed class SecretCollectorTests
{
    const string User = "pusher";
    const string Password = "p&ss \"w0rd\"?>";

    [Theory]
    [InlineData("plain", "skopeo login -p 'p&ss \"w0rd\"?>' registry.local")]
    [InlineData("base64", "password: cCZzcyAidzByZCI/Pg==")]
    [InlineData("base64 of user:password", "Authorization: Basic cHVzaGVyOnAmc3MgIncwcmQiPz4=")]
    [InlineData("base64 of user:password, URL-encoded", "auth=cHVzaGVyOnAmc3MgIncwcmQiPz4%3D&service=registry")]
    [InlineData("base64 within more", "auth: cm9ib3QkbWlycm9yOnAmc3MgIncwcmQiPz4=")]
    [InlineData("URL-encoded", "https://pusher:p%26ss%20%22w0rd%22%3F%3E@registry.local/v2/")]
    [InlineData("in JSON", """{"username": "pusher", "password": "p&ss \"w0rd\"?>"}""")]
    public void A_leak_of_each_form_is_found(string form, string leak)
    {
        var collector = Collector();

        collector.Add("the log", leak);

        var found = collector.Find();
        Assert.Contains(found, finding => finding.StartsWith($"the log: {form} after \"{leak[..5]}", StringComparison.Ordinal));
        Assert.All(found, finding => Assert.DoesNotContain(Password, finding, StringComparison.Ordinal));
    }

    [Fact]
    public void Each_occurrence_is_one_finding()
    {
        var collector = Collector();

        collector.Add("first", $"{Password} and {Password}");
        collector.Add("second", Password);

        Assert.Equal(["first", "first", "second"], collector.Find().Select(finding => finding.Split(':')[0]));
    }

    [Fact]
    public void What_is_no_secret_is_not_found()
    {
        var collector = Collector();

        collector.Add("the log", "user pusher may push; password: ********, Basic ********");

        Assert.Empty(collector.Find());
        Assert.Equal(56, collector.Length);
    }

    static SecretCollector Collector()
    {
        var collector = new SecretCollector();
        collector.AddSecret(User, Password);
        return collector;
    }
}
