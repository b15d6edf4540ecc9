namespace Passthrough.Core.Releases;

/// <summary>A release in an update graph.</summary>
/// <param name="Version">Its version; unique within a graph.</param>
/// <param name="Payload">The reference of the release image, by digest.</param>
/// <param name="Channels">Every channel that has the release, as its metadata says; empty where it does not say.</param>
public sealed record Release(SemanticVersion Version, string Payload, IReadOnlyList<string> Channels);
