using Passthrough.Testing;

namespace Passthrough.Integration.Tests;

/// <summary>The last of the suite: nothing that Ansible (at <c>-vvvv</c>) and the modules printed in all other tests holds a secret of one of its servers.</summary>
[Trait("Category", "Last")]
public sealed class PrintedSecretsTests
{
    [Fact]
    public void Nothing_that_the_suite_printed_holds_a_secret()
    {
        var printed = SuiteOutput.Read(out var secrets);

        // What was not collected proves nothing.
        Assert.True(printed.Length > 0 && secrets > 0, $"{printed.Length} characters and {secrets} secrets were collected");
        var found = printed.Find();
        Assert.True(found.Count == 0, $"{found.Count} leaks, the first of them:\n{string.Join('\n', found.Take(30))}");
    }
}
