namespace Passthrough.Core.Releases;

/// <summary>One channel of an image set configuration, as the user wrote it.</summary>
/// <param name="Name">For example <c>stable-4.20</c>.</param>
public sealed record ChannelRequest(string Name)
{
    /// <summary>Whether it is a channel of OKD instead of OpenShift.</summary>
    public bool IsOkd { get; init; }

    /// <summary>The lowest version that is wanted; null where the user gave none.</summary>
    public string? MinVersion { get; init; }

    /// <summary>The highest version that is wanted; null where the user gave none.</summary>
    public string? MaxVersion { get; init; }

    /// <summary>Whether only the releases on the best way from the lowest to the highest version are wanted.</summary>
    public bool ShortestPath { get; init; }

    /// <summary>Whether the selection begins with the first release of the channel where no lowest version is given.</summary>
    public bool Full { get; init; }
}
