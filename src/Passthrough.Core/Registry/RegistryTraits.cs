namespace Passthrough.Core.Registry;

/// <summary>
/// What the transfer must know about a registry product. Given by the product's file in <c>Admin/</c>; the copier reads these values and never a product's name.
/// </summary>
public sealed record RegistryTraits
{
    /// <summary>The form of an upload. Never split: some registries damage parts (registries.md 0.8).</summary>
    public UploadForm Upload { get; init; } = UploadForm.PostThenPut;

    /// <summary>Whether a tag that answers with the wanted digest proves that the image is complete in its repository; otherwise every blob is asked for.</summary>
    public bool TagProvesContent { get; init; } = true;

    /// <summary>Whether HEAD by digest proves that the manifest is in this repository (not so on the Go mirror-registry).</summary>
    public bool DigestProvesContent { get; init; } = true;

    /// <summary>
    /// Whether manifests without a tag are forgotten at once, those that an index will name a moment later too (registries.md C.2). Then each gets a
    /// temporary tag until the index has its own.
    /// </summary>
    public bool CollectsUntaggedChildren { get; init; }

    /// <summary>
    /// The label of an image that makes the product remove its tag after a while, see <see cref="Registry.ExpiryLabel"/>; null where there
    /// is none.
    /// </summary>
    public string? ExpiryLabel { get; init; }

    /// <summary>
    /// Whether a tag can be removed alone; false where only a manifest can, with all its tags; null where editions differ and none says
    /// which it is. Then that is
    /// known when it is tried.
    /// </summary>
    public bool? RemovesTags { get; init; }

    /// <summary>
    /// Whether a repository that is not there is refused like one that may not be read (401), also to an account that may make it. Then a refusal of a known
    /// account is taken for absence; whether it may push is told when it does.
    /// </summary>
    public bool RefusesWhatIsMissing { get; init; }

    /// <summary>Whether the referrers API is served; otherwise the fallback tag is kept by the client.</summary>
    public bool? HasReferrersApi { get; init; }

    /// <summary>The largest manifest in bytes that the product takes.</summary>
    public int MaxManifestBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Whether an index may name indexes.</summary>
    public bool TakesNestedIndexes { get; init; } = true;

    /// <summary>The largest blob that the product takes unless its administrator has said otherwise; null for any.</summary>
    public long? UsualMaxBlobBytes { get; init; }

    /// <summary>What the product answers where its own words tell the cause, with the remedy.</summary>
    public IReadOnlyList<KnownAnswer> KnownAnswers { get; init; } = [];

    /// <summary>What else the refusal of a push to an account with the right may mean; null for nothing.</summary>
    public string? OnDeniedPush { get; init; }

    /// <summary>How to ask for its health without an account; null where <c>/v2/</c> is all there is.</summary>
    public HealthProbe? Health { get; init; }

    /// <summary>
    /// Whether 413 also comes where nothing is too large: Quay's nginx answers a body that its worker died on with the error page of this
    /// status. Then it is
    /// taken for a limit only after two repetitions.
    /// </summary>
    public bool MisusesTooLarge { get; init; }

    /// <summary>The longest <c>host/path</c> that clients accept.</summary>
    public int MaxNameLength { get; init; } = 255;

    /// <summary>How many path components a repository may have; null for any number.</summary>
    public int? MaxPathComponents { get; init; }
}

/// <summary>How a blob is uploaded (distribution-spec, "Pushing blobs").</summary>
public enum UploadForm
{
    /// <summary>POST for a session, then one PUT with the whole body.</summary>
    PostThenPut,

    /// <summary>POST for a session, one PATCH with the whole body, then an empty PUT: for products that answer a refused PUT with a proxy's page.</summary>
    PostPatchPut,
}
