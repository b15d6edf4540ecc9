namespace Passthrough.Core.Releases;

/// <summary>Where update graphs come from: a service, or a folder with recorded answers.</summary>
public interface IUpdateGraphs
{
    /// <param name="isOkd">Whether the channel is one of OKD, which has a service of its own.</param>
    /// <param name="architecture">
    /// As the service names it: <c>amd64</c>, <c>arm64</c>, <c>s390x</c>, <c>ppc64le</c> or <c>multi</c>.
    /// </param>
    /// <param name="channel">For example <c>stable-4.20</c>.</param>
    /// <param name="cancellationToken">Set when the run is to stop.</param>
    /// <returns>An empty graph where the channel does not exist: services do not tell the two apart.</returns>
    /// <exception cref="ModuleException">
    /// <see cref="ErrorCodes.GraphUnavailable"/>: there is no answer, or its status is not 200; <see cref="ErrorCodes.GraphInvalid"/>: it
    /// is not a graph.
    /// </exception>
    Task<UpdateGraph> GetAsync(bool isOkd, string architecture, string channel, CancellationToken cancellationToken);
}
