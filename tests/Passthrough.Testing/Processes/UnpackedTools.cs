using Xunit;

namespace Passthrough.Testing.Processes;

/// <summary>Programs of a Debian suite that run as they are, unpacked and not installed (<c>scripts/unpack-debs</c>).</summary>
public static class UnpackedTools
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <param name="suite">A suite of the machine's mirror, or <c>host</c> for its own.</param>
    /// <param name="name">The folder under <c>artifacts/tools</c>.</param>
    /// <returns>That folder. Where the packages cannot be had the test is skipped, and says why.</returns>
    public static async Task<string> Unpack(string suite, string name, params string[] packages)
    {
        var folder = Checkout.PathOf("artifacts", "tools", name);
        var unpacked = await Command.Run([Checkout.PathOf("scripts", "unpack-debs"), suite, folder, .. packages], new CommandSettings { Timeout = Patience });
        Skip.IfNot(unpacked.Succeeded, unpacked.All.Trim());
        return folder;
    }
}
