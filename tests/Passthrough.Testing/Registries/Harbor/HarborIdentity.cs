using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>Who asks. Wrong credentials are nobody's, as no credentials are.</summary>
sealed record HarborIdentity
{
    public static readonly HarborIdentity Nobody = new();

    public HarborUser? User { get; init; }

    public HarborRobot? Robot { get; init; }

    /// <summary>The login name; empty for nobody.</summary>
    public string Name { get; init; } = "";

    /// <summary>The claims of a token of our own; it speaks for nobody outside <c>/v2/</c>.</summary>
    public JObject? Claims { get; init; }

    public bool IsKnown => User is not null || Robot is not null;

    public bool IsAdmin => User is { IsAdmin: true };
}
