using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries;

/// <summary>What a fake answers.</summary>
public sealed record FakeAnswer(int Status, ReadOnlyMemory<byte> Body)
{
    /// <summary>The reason phrase; null for the usual one.</summary>
    public string? Phrase { get; init; }

    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>The length that is promised where less is sent; the connection breaks off then.</summary>
    public long? DeclaredLength { get; init; }

    public static FakeAnswer Json(int status, JToken body, string type = "application/json") => Text(status, Core.Text.Json.Compact(body) + "\n", type);

    public static FakeAnswer Text(int status, string body, string type) => new FakeAnswer(status, Encoding.UTF8.GetBytes(body)).With("Content-Type", type);

    public static FakeAnswer Empty(int status) => new(status, ReadOnlyMemory<byte>.Empty);

    /// <summary>The same with a header more.</summary>
    public FakeAnswer With(string name, string value) => this with { Headers = [.. Headers, (name, value)] };

    public string? Header(string name) => Headers.Where(header => header.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value).FirstOrDefault();
}
