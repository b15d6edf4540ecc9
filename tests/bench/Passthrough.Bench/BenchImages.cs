using System.Globalization;
using Passthrough.Core.Oci;
using Passthrough.Testing.Images;

namespace Passthrough.Bench;

/// <summary>Images of two platforms whose layers do not shrink: a base that all share, one that half of them share, and a layer of their own.</summary>
static class BenchImages
{
    static readonly Platform[] Platforms = [new("linux", "amd64"), new("linux", "arm64")];

    public static Dictionary<string, BuiltImage> Build(BenchSize size)
    {
        // A fifth is the base, a tenth the second one, the rest is each image's own.
        var total = size.Mebibytes * 1024L * 1024 / Platforms.Length;
        var own = (int)(total * 7 / 10 / size.Images);
        var images = new Dictionary<string, BuiltImage>(StringComparer.Ordinal);
        BuiltBlob[] bases = [.. Platforms.Select((_, i) => Layer(i, (int)(total / 5)))];
        BuiltBlob[] seconds = [.. Platforms.Select((_, i) => Layer(100 + i, (int)(total / 10)))];
        for (var i = 0; i < size.Images; i++)
        {
            var children = new List<BuiltImage>();
            for (var p = 0; p < Platforms.Length; p++)
                children.Add(ImageBuilder.Image(i % 2 == 0 ? [bases[p], Layer(1000 + (10 * i) + p, own)] : [bases[p], seconds[p], Layer(1000 + (10 * i) + p, own)], Platforms[p]));
            images[string.Create(CultureInfo.InvariantCulture, $"quay.io/bench/app{i:D2}:1.0")] = ImageBuilder.Index(children);
        }

        return images;
    }

    static BuiltBlob Layer(int seed, int size)
    {
        var bytes = new byte[size];
        new Random(seed).NextBytes(bytes);
        return new BuiltBlob(MediaTypes.OciLayerGzip, bytes) { DiffId = Digest.Sha256(bytes) };
    }
}
