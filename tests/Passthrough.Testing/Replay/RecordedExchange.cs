namespace Passthrough.Testing.Replay;

/// <summary>One request to a real server and its answer, as a transcript shows them.</summary>
public sealed record RecordedExchange
{
    /// <summary>The file and the line of the request, for messages.</summary>
    public required string Place { get; init; }

    /// <summary>The headline of the part of the transcript.</summary>
    public required string Section { get; init; }

    /// <summary>What the recorder says about the exchange.</summary>
    public required string Title { get; init; }

    /// <summary>What stands in brackets before the request, for example <c>direct to core</c>.</summary>
    public string Note { get; init; } = "";

    public required string Method { get; init; }

    /// <summary>As it was sent, percent-encoding and all; without the query.</summary>
    public required string Path { get; init; }

    /// <summary>Without the question mark.</summary>
    public string Query { get; init; } = "";

    /// <summary><c>user:password</c> of Basic; null for none.</summary>
    public string? Credentials { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>The text that was sent, or what stands for it: <c>@b1(1024000 bytes)</c>. Null for no body.</summary>
    public string? Body { get; init; }

    public required int Status { get; init; }

    public required IReadOnlyList<KeyValuePair<string, string>> ResponseHeaders { get; init; }

    /// <summary>Empty for none.</summary>
    public required string ResponseBody { get; init; }

    /// <summary>Whether the transcript shows only the beginning of the answer's body.</summary>
    public bool IsCut { get; init; }

    /// <summary>What the recorder wrote below the answer, for example the claims of the token that is in it; empty for nothing.</summary>
    public string Remark { get; init; } = "";

    public string Target => Query.Length == 0 ? Path : $"{Path}?{Query}";

    public string? Header(string name) => Find(Headers, name);

    public string? ResponseHeader(string name) => Find(ResponseHeaders, name);

    public override string ToString() => $"{Place} \"{Title}\": {Method} {Target} -> {Status}";

    static string? Find(IReadOnlyList<KeyValuePair<string, string>> headers, string name) =>
        headers.FirstOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;
}
