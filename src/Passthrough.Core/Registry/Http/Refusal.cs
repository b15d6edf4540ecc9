namespace Passthrough.Core.Registry.Http;

/// <summary>What is known about a request whose answer is no success, for the sentence about it.</summary>
/// <param name="Action">What was tried, after "cannot": <c>push quay.local/mirror/a:v1</c>.</param>
/// <param name="Authority">Who answered.</param>
sealed record Refusal(string Action, string Authority, Remedies Remedies)
{
    /// <summary>Who we said to be, for example <c>user "bob"</c>; null where we were anonymous.</summary>
    public string? Identity { get; init; }

    /// <summary>A token service took the credential, so that a refusal is about rights.</summary>
    public bool PasswordIsGood { get; init; }

    public HttpMethod? Method { get; init; }

    /// <summary>What the product is known to answer.</summary>
    public IReadOnlyList<KnownAnswer> Known { get; init; } = [];

    /// <summary>What else a refusal of a push may mean on this product; null for nothing.</summary>
    public string? OnDeniedPush { get; init; }

    /// <summary>How the request came to another host than the registry's: <c>quay.io redirected to sso.example.com</c>; null where it did
    /// not.</summary>
    public string? Via { get; init; }

    /// <summary>A proxy that may itself have answered: that of a request without TLS.</summary>
    public Uri? Proxy { get; init; }

    /// <summary>What is wrong with the registry itself, by its own health check; null for nothing, or unknown.</summary>
    public string? Illness { get; init; }
}

/// <summary>A fault, and whether the same request may succeed later.</summary>
/// <param name="IsFinal">A repetition cannot help, whatever the status says.</param>
sealed record Verdict(ModuleException Fault, bool IsFinal);
