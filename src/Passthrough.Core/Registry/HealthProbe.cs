using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Registry;

/// <summary>The questions that tell whether a product is healthy, apart from any account.</summary>
/// <param name="Paths">Below the registry's address; asked in order and without credentials, until one tells of trouble.</param>
/// <param name="Judge">Gets the status and the body (null if it is not a JSON object); returns what is wrong, as the end of a sentence,
/// or null.</param>
public sealed record HealthProbe(IReadOnlyList<string> Paths, Func<int, JObject?, string?> Judge)
{
    /// <summary>For how long it may still say healthy after a service went down.</summary>
    public TimeSpan Lag { get; init; }

    /// <summary>For products without a health endpoint: whether <c>/v2/</c> answers, and no gateway in its place.</summary>
    public static HealthProbe OfEveryRegistry { get; } = new(["v2/"], (status, _) => status >= 500 ? $"/v2/ answers {status}" : null);
}
