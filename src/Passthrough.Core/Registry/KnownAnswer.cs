namespace Passthrough.Core.Registry;

/// <summary>An answer whose cause is known, with the remedy that works there. A product's own stand in its file and come with its <see
/// cref="RegistryTraits"/>.</summary>
/// <param name="Words">Part of <c>status code: words</c>, as the server writes it; compared without case. Empty matches by the other
/// members alone.</param>
/// <param name="Remedy">What to do about it.</param>
public sealed record KnownAnswer(string Words, string Remedy)
{
    /// <summary>Null for any.</summary>
    public int? Status { get; init; }

    /// <summary>Whether only a request that puts content is meant: POST, PUT, PATCH.</summary>
    public bool OnPush { get; init; }

    /// <summary>Whether a repetition cannot help, whatever the status says.</summary>
    public bool IsFinal { get; init; }

    /// <summary>What holds of every registry: the system's own words, handed through.</summary>
    public static IReadOnlyList<KnownAnswer> Common { get; } =
    [
        new("no space left on device", FreeSpace) { IsFinal = true },
        new("disk quota exceeded", FreeSpace) { IsFinal = true },
        new("storage backend has reached its minimum free drive threshold", FreeSpace) { IsFinal = true },
        new("", FreeSpace) { Status = 507, IsFinal = true },
        new("read-only file system",
            "the registry's storage is mounted read-only: mount it writable and restart the registry") { IsFinal = true },
        // distribution/distribution, registry/handlers/app.go: every method that writes is answered so while storage.maintenance.readonly
        // is on.
        new("UNSUPPORTED", "the registry is in read-only mode (distribution: storage.maintenance.readonly): switch that off and "
            + "restart it") { Status = 405, OnPush = true },
    ];

    const string FreeSpace = "the registry's storage is full: free or add space there (deleted images free theirs only with garbage "
        + "collection), then run this again";

    internal bool Fits(int status, string answer, HttpMethod? method) =>
        (Status is null || Status == status)
        && (!OnPush || method == HttpMethod.Post || method == HttpMethod.Put || method == HttpMethod.Patch)
        && answer.Contains(Words, StringComparison.OrdinalIgnoreCase);
}
