using System.Collections.Immutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Validation;

/// <summary>What was tried, what came back, and what that proves.</summary>
public sealed record ProofReport
{
    /// <summary>Whether every image came through the redirection with the upstream blocked, and every control failed as it must.</summary>
    public required bool Passed { get; init; }

    /// <summary>The result in one sentence; the cause where it did not pass.</summary>
    public required string Message { get; init; }

    /// <summary>What to do where it did not pass.</summary>
    public string? Hint { get; init; }

    /// <summary>The step of the evidence ladder: <c>L2</c> is a real client and the real registry, <c>L1-self</c> our own reading of the redirection; null where nothing was tried.</summary>
    public string? Level { get; init; }

    /// <summary>The client with its version, <c>skopeo 1.9.3</c>; null where nothing was tried.</summary>
    public string? Tool { get; init; }

    /// <summary>Whose credentials the client had, <c>user "ocp-pull"</c>; null where nothing was tried.</summary>
    public string? Account { get; init; }

    /// <summary>Whether the images themselves are right and complete in the mirror; null where nothing was tried.</summary>
    public MirroredImages? Mirrored { get; init; }

    public ImmutableArray<ProofRead> Images { get; init; } = [];

    public ImmutableArray<ProofControl> Controls { get; init; } = [];

    /// <summary>Sentences.</summary>
    public ImmutableArray<string> Proved { get; init; } = [];

    /// <summary>Sentences.</summary>
    public ImmutableArray<string> NotProved { get; init; } = [];

    /// <summary><c>validation</c> of the module's result.</summary>
    public JObject ToJson()
    {
        var json = new JObject
        {
            ["passed"] = Passed,
            ["level"] = Level,
            ["tool"] = Tool,
            ["images"] = new JArray(Images.Select(image => image.ToJson())),
            ["controls"] = new JArray(Controls.Select(control => control.ToJson())),
            ["proved"] = new JArray(Proved),
            ["not_proved"] = new JArray(NotProved),
        };
        if (Account is not null)
            json["account"] = Account;
        if (Mirrored is not null)
            json["mirrored"] = Mirrored.ToJson();
        return json;
    }
}

/// <summary>The verdict on the images in the mirror, from the same reads as the report's: the two cannot contradict each other.</summary>
/// <param name="Repositories">How many repositories had what was asked for.</param>
/// <param name="Message"><c>PASS</c>, <c>FAIL</c> or <c>NOT PROVED</c>, and why.</param>
public sealed record MirroredImages(int Repositories, string Message)
{
    public JObject ToJson() => new() { ["repositories"] = Repositories, ["message"] = Message };
}

/// <summary>One image, read by its upstream name.</summary>
/// <param name="Source">The name it was asked by.</param>
public sealed record ProofRead(Reference Source)
{
    public bool ByTag => Source.Tag is not null;

    public Digest? Expected { get; init; }

    /// <summary>Over the bytes that came.</summary>
    public Digest? Got { get; init; }

    /// <summary>Where the client went, by its own words.</summary>
    public string? Mirror { get; init; }

    /// <summary>As a person would type it.</summary>
    public string? Command { get; init; }

    /// <summary>Why it failed; null where it passed.</summary>
    public string? Error { get; init; }

    /// <summary>What to do about it; not in the JSON, whose result has one hint.</summary>
    public string? Hint { get; init; }

    public bool Passed => Error is null;

    public JObject ToJson() => new()
    {
        ["source"] = Source.ToString(),
        ["by"] = ByTag ? "tag" : "digest",
        ["expected"] = Expected?.ToString(),
        ["got"] = Got?.ToString(),
        ["status"] = Passed ? "passed" : "failed",
        ["mirror"] = Mirror,
        ["command"] = Command,
        ["error"] = Error,
    };
}

/// <summary>A negative control: the same read without the mirrors.</summary>
/// <param name="Source">The scope of the redirection that was taken away.</param>
/// <param name="Passed">Whether the client refused because the upstream is blocked.</param>
/// <param name="Got">The client's words.</param>
public sealed record ProofControl(string Source, bool Passed, string Got)
{
    public string? Command { get; init; }

    public JObject ToJson() => new() { ["source"] = Source, ["passed"] = Passed, ["got"] = Got };
}
