namespace Passthrough.Core.Releases;

/// <summary>One update on a path.</summary>
/// <param name="From">The release before the update.</param>
/// <param name="To">The release after it.</param>
/// <param name="Risks">The risks of a conditional update; empty where the update is recommended without a condition.</param>
public sealed record UpdateHop(Release From, Release To, IReadOnlyList<UpdateRisk> Risks)
{
    /// <summary>Whether a cluster recommends the update only if it is not exposed to the risks.</summary>
    public bool IsConditional => Risks.Count > 0;
}
