namespace Passthrough.Core.Registry;

/// <summary>A registry that images are read from, as opposed to the one that the parameters describe.</summary>
/// <param name="Name">What references, auth files and certs.d folders call it.</param>
/// <param name="StandsIn">An entry of <c>pull_from</c> names it.</param>
public sealed record UpstreamRole(string Name, bool StandsIn);
