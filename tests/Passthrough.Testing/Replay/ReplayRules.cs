using System.Text.RegularExpressions;

namespace Passthrough.Testing.Replay;

/// <summary>What a product's transcripts need to be replayed.</summary>
public sealed record ReplayRules
{
    /// <summary>The name that clients used; sent as Host.</summary>
    public string Host { get; init; } = "registry.example.com:8443";

    /// <summary>The scheme that they used; sent as <c>X-Forwarded-Proto</c>, as a proxy in front would.</summary>
    public string Scheme { get; init; } = "https";

    /// <summary>Routes that neither our modules nor skopeo call: they are not sent.</summary>
    public IReadOnlyList<RouteReason> LeftOut { get; init; } = [];

    /// <summary>Exchanges that are sent and known to differ.</summary>
    public IReadOnlyList<RouteReason> KnownDifferences { get; init; } = [];

    /// <summary>Keys of JSON whose values the server makes up. Their type must be right, and where they are texts, their form.</summary>
    public IReadOnlySet<string> InventedKeys { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Keys of JSON whose lists come in any order.</summary>
    public IReadOnlySet<string> UnorderedKeys { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Parts of texts (headers, messages, pages) that the server makes up.</summary>
    public Regex? InventedText { get; init; }

    /// <summary>The headers of answers that clients depend on; they must be there or not be there, with the recorded value.</summary>
    public IReadOnlyList<string> Headers { get; init; } =
    [
        "Content-Type", "Www-Authenticate", "Docker-Content-Digest", "Location", "Docker-Distribution-Api-Version", "Docker-Upload-Uuid", "Link", "Range", "Content-Range",
        "Retry-After", "Allow", "OCI-Subject", "OCI-Filters-Applied", "X-Total-Count",
    ];

    /// <summary>The bytes that a body stands for, where the transcript names a file: <c>@b1(1024000 bytes)</c>. Null where the text itself was sent.</summary>
    public Func<string, byte[]?> Content { get; init; } = RecordedContent.Of;

    /// <summary>Before an exchange is made ready: what the recorder did without writing it down.</summary>
    public Func<Replayer, RecordedExchange, Task>? Before { get; init; }

    /// <summary>Last changes to a request, for what the transcript does not show (which token a cut one was). Gets the request with all known substitutions made.</summary>
    public Func<Replayer, RecordedExchange, HttpRequestMessage, Task>? BeforeSend { get; init; }

    /// <summary>What else must hold of the answer's body, for example the claims of a token: a line for each difference.</summary>
    public Func<RecordedExchange, string, IEnumerable<string>>? AlsoCompare { get; init; }
}

/// <summary>Exchanges of a route, and why they are apart.</summary>
/// <param name="Method">A method, or <c>*</c>.</param>
/// <param name="Path">An expression for the whole recorded path with its query.</param>
/// <param name="Title">An expression for a part of the recorder's headline; null for any.</param>
public sealed record RouteReason(string Method, string Path, string Reason, string? Title = null)
{
    public bool Holds(RecordedExchange exchange) =>
        (Method == "*" || Method == exchange.Method)
        && Regex.IsMatch(exchange.Target, $"^(?:{Path})$", RegexOptions.None, TimeSpan.FromSeconds(1))
        && (Title is null || Regex.IsMatch($"{exchange.Section} / {exchange.Title}", Title, RegexOptions.None, TimeSpan.FromSeconds(1)));
}
