using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive;

/// <summary>A blob that images need, once however many they are.</summary>
/// <param name="Blob">What it is.</param>
/// <param name="Origins">Images that have it, one of each repository.</param>
public sealed record UsedBlob(Descriptor Blob, ImmutableArray<Reference> Origins);

/// <summary>A blob that images need and an archive leaves to an earlier one.</summary>
/// <param name="Blob">What it is.</param>
/// <param name="Base">The id of the archive that has it.</param>
/// <param name="Repositories">Upstream repositories with which that one delivers it.</param>
public sealed record LeftBlob(Descriptor Blob, string Base, ImmutableArray<string> Repositories);
