using System.Runtime.InteropServices;

namespace Passthrough.Core.Ansible;

/// <summary>
/// OpenSSL on the target host. The runtime loads it at the first TLS or SHA-256 call and kills the process where it is missing,
/// which Ansible reports as MODULE FAILURE without a word: so it is looked for first.
/// </summary>
static class CryptoLibrary
{
    // The runtime's own list, in its order.
    static readonly string[] Names = ["libssl.so.3", "libssl.so.1.1", "libssl.so.1.0.2", "libssl.so.1.0.0", "libssl.so.10"];

    /// <exception cref="ModuleException"><see cref="ErrorCodes.Host"/>: there is none.</exception>
    public static void Require()
    {
        var wanted = Environment.GetEnvironmentVariable("CLR_OPENSSL_VERSION_OVERRIDE") is { Length: > 0 } version ? Names.Prepend("libssl.so." + version) : Names;
        if (!wanted.Any(name => NativeLibrary.TryLoad(name, out _)))
            throw new ModuleException(ErrorCodes.Host, $"this host has no OpenSSL library (looked for {string.Join(", ", wanted)})", "install the package openssl-libs (RHEL) or libssl3 (Debian, Ubuntu)");
    }
}
