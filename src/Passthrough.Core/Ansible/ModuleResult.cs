using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>What a module answers. <c>actions</c>, <c>warnings</c> and <c>invocation</c> are added by the host.</summary>
public sealed record ModuleResult
{
    public required bool Changed { get; init; }

    /// <summary>One sentence for people.</summary>
    public required string Message { get; init; }

    /// <summary>What differs, one entry a file or object; shown only where the user asked with <c>--diff</c>.</summary>
    public IReadOnlyList<ResultDiff> Diffs { get; init; } = [];

    /// <summary>Module data, merged into the top level of the result.</summary>
    public JObject Data { get; init; } = [];

    /// <summary>
    /// More of it: lists with an entry for each image, made one by one while the answer is printed, so that thousands of images are no matter of memory.
    /// Making an entry only describes what is known; it does not fail.
    /// </summary>
    public IReadOnlyDictionary<string, IEnumerable<JToken>> Lists { get; init; } = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal);

    /// <summary>Set where the run failed although there is data to keep (per-image results); its message replaces <see cref="Message"/>.</summary>
    public ModuleException? Failure { get; init; }
}

/// <summary>Before and after of one thing, as text that ends in a newline (empty for nothing).</summary>
public sealed record ResultDiff(string Header, string Before, string After);
