using Passthrough.Core.Oci;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Validation;

/// <summary>One image on its way through the proof.</summary>
/// <param name="scope">The part of the redirection that it belongs to; its registry where there is none.</param>
sealed class ImageProof(ProofImage image, string scope)
{
    public ProofImage Image { get; } = image;

    public string Scope { get; } = scope;

    public List<ProofRead> Reads { get; } = [];

    /// <summary>The repositories of mirrors in which its content was looked at.</summary>
    public HashSet<string> Looked { get; } = [];

    /// <summary>All its manifests; null where they could not be read.</summary>
    public ManifestTree? Tree { get; set; }

    /// <summary>What is wrong with the image under whatever name; null where nothing is.</summary>
    public PullCause? Fault { get; set; }

    public bool Passed => Fault is null && Reads.Count > 0 && Reads.All(read => read.Passed);

    /// <summary>The names by which it is pulled: its tag, where it has one, and its digest, where that is known.</summary>
    public IReadOnlyList<Reference> Pulls(Digest? digest)
    {
        var pulls = new List<Reference>();
        if (Image.Image.Tag is { } tag)
            pulls.Add(Image.Image.WithTag(tag));
        if ((Image.Image.Digest ?? digest) is { } known)
            pulls.Add(Image.Image.WithDigest(known));
        return pulls;
    }

    /// <summary>The reads, each with what is wrong with the image.</summary>
    public IEnumerable<ProofRead> Results =>
        Reads.Select(read => read.Error is null && Fault is not null ? read with { Error = Fault.Text, Hint = Fault.Hint } : read);
}
