namespace Passthrough.Core.Releases;

/// <summary>The codes of <see cref="ReleaseFinding"/>.</summary>
public static class FindingCodes
{
    /// <summary>The way leads over updates that a cluster recommends only where it is not exposed to their risks.</summary>
    public const string ConditionalEdges = "CONDITIONAL_EDGES";

    /// <summary>A bound is not a release of the channel; what lies between the bounds was selected.</summary>
    public const string BoundNotInChannel = "BOUND_NOT_IN_CHANNEL";

    /// <summary>Only an upper bound was given, so the selection begins with the first release of the channel.</summary>
    public const string MaxWithoutMin = "MAX_WITHOUT_MIN";

    /// <summary>What the channels give by themselves has no recommended way from the lowest to the highest release.</summary>
    public const string CrossChannelGap = "CROSS_CHANNEL_GAP";
}
