namespace Passthrough.Core.Releases;

/// <summary>A known problem of an update, which the cluster evaluates before it recommends the update.</summary>
/// <param name="Name">Its name, for example <c>OVNIPsecConnectivity</c>.</param>
/// <param name="Message">What can happen, in the words of those who published it.</param>
/// <param name="Url">Where to read more.</param>
public sealed record UpdateRisk(string Name, string Message, string Url);
