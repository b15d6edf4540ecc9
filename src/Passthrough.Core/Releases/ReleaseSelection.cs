namespace Passthrough.Core.Releases;

/// <summary>Why a release was selected.</summary>
public enum SelectedVia
{
    /// <summary>It is a bound that was given, or the head of a channel.</summary>
    Asked,

    /// <summary>It is an update on the way from one to another.</summary>
    Path,

    /// <summary>It lies between bounds.</summary>
    Range,
}

/// <summary>A release that is to be mirrored.</summary>
/// <param name="Architecture">The architecture whose graph it is from.</param>
/// <param name="Channel">The first channel of the request that gives it.</param>
/// <param name="Release">The release.</param>
/// <param name="Via">Why.</param>
public sealed record SelectedRelease(string Architecture, string Channel, Release Release, SelectedVia Via);

/// <summary>An update that the selection relies on.</summary>
public sealed record SelectedHop(string Architecture, UpdateHop Hop);

/// <summary>What a user should know about a selection although it is valid.</summary>
/// <param name="Code">One of <see cref="FindingCodes"/>.</param>
/// <param name="Message">One sentence.</param>
/// <param name="Architecture">The architecture it is about.</param>
/// <param name="Channel">The channel it is about; of several channels the one with the highest version.</param>
/// <param name="Bounds">The bounds it is about, as they were given.</param>
/// <param name="Count">How many releases or updates it is about.</param>
public sealed record ReleaseFinding(
    string Code, string Message, string Architecture, string Channel, IReadOnlyList<string> Bounds, int Count);

/// <summary>
/// The releases that a configuration means, each architecture's in ascending order, and what is known about the updates between them.
/// </summary>
public sealed record ReleaseSelection(
    IReadOnlyList<SelectedRelease> Releases, IReadOnlyList<SelectedHop> Hops, IReadOnlyList<ReleaseFinding> Findings);
