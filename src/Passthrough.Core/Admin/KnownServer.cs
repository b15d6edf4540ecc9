namespace Passthrough.Core.Admin;

/// <summary>What one run has learnt about the registry, so that nothing is asked twice.</summary>
public sealed class KnownServer
{
    /// <summary>Null before it was asked, and if it cannot be told.</summary>
    internal ServerIdentity? Identity { get; private set; }

    internal bool IsIdentified { get; private set; }

    /// <summary>The answer to its health check, where that is also what tells its edition.</summary>
    internal AdminAnswer? Health { get; set; }

    internal void Identify(ServerIdentity? identity) => (Identity, IsIdentified) = (identity, true);
}
