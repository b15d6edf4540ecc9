namespace Passthrough.Core.Admin;

/// <summary>How a registry is.</summary>
/// <param name="Condition">What follows from it.</param>
/// <param name="Components">The parts that the product tells about, each with its word; empty where it tells of none.</param>
public sealed record RegistryHealth(RegistryCondition Condition, IReadOnlyDictionary<string, string> Components)
{
    public static readonly RegistryHealth Healthy = new(RegistryCondition.Healthy, new Dictionary<string, string>(StringComparer.Ordinal));

    /// <summary>Why it is not healthy, in the server's words; a sentence's end: <c>database is unhealthy (failed to connect)</c>.</summary>
    public string? Reason { get; init; }

    /// <summary><c>healthy</c>, <c>degraded</c>, <c>read-only</c> or <c>unhealthy</c>.</summary>
    public string Status => Condition switch
    {
        RegistryCondition.Healthy => "healthy",
        RegistryCondition.Degraded => "degraded",
        RegistryCondition.ReadOnly => "read-only",
        _ => "unhealthy",
    };
}

public enum RegistryCondition
{
    Healthy,

    /// <summary>Something is down that pushing and pulling does not need.</summary>
    Degraded,

    /// <summary>Serves pulls, refuses every change.</summary>
    ReadOnly,

    /// <summary>What it says about credentials and content cannot be believed.</summary>
    Unhealthy,
}

/// <summary>One service of a registry product, as the product reports it.</summary>
/// <param name="Words">Why it is not well; empty where nothing is said.</param>
sealed record ServiceState(string Name, string Status, string Words);
