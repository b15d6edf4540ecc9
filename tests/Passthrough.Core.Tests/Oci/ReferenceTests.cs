using System.Text.Json;
using Passthrough.Core.Oci;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Oci;

public class ReferenceTests
{
    // Where we refuse what the package takes, on purpose.
    static readonly Dictionary<string, string> Refused = new(StringComparer.Ordinal)
    {
        ["quay.io/ns/app@sha384:"] = "the OCI image-spec registers sha256 and sha512 only",
        ["a_b.com/"] = "the package finds no registry in it and takes all of it for a path without one, which nothing can pull",
    };

    /// <summary>Every recorded case of the distribution project's own parser: same parts, same normal form, same refusal.</summary>
    [Fact]
    public void Agrees_with_the_reference_package()
    {
        using var golden = JsonDocument.Parse(Fixtures.ReadText("reference-golden.json"));
        var hex = golden.RootElement.GetProperty("digest").GetString()!.Split(' ').First(word => word.Trim('.').Length == 64 || word.Contains("0123456789abcdef", StringComparison.Ordinal)).Trim('.');
        var differences = new List<string>();
        var count = 0;
        foreach (var item in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            string? Value(string name) => item.TryGetProperty(name, out var value) ? value.GetString()!.Replace("$H", hex, StringComparison.Ordinal) : null;

            count++;
            var input = Value("in")!;
            var expected = Value("error") is { } error
                ? "error " + error
                : $"{Value("domain")} {Value("path")} {Value("tag")} {Value("digest")} {(Value("normalized") is "=" ? input : Value("normalized"))}";
            var actual = Reference.TryParse(input, out var reference, out var reason)
                ? $"{reference.Registry} {reference.Repository} {reference.Tag} {reference.Digest} {reference}"
                : "error " + reason;
            if (expected != actual && !(reference is null && Refused.Keys.Any(prefix => input.StartsWith(prefix, StringComparison.Ordinal))))
                differences.Add($"{input}: expected {expected}, got {actual}");
        }

        Assert.Empty(differences);
        Assert.InRange(count, 150, int.MaxValue);
    }

    [Theory]
    [InlineData("https://quay.io/a/b", "write it without a scheme")]
    [InlineData("quay.io/a/B", "lower case")]
    [InlineData("quay.io/a /b", "white space")]
    [InlineData("quay.io/a@sha256:12", "write it like")]
    public void Refusal_says_what_to_do(string text, string hint)
    {
        var fault = Assert.Throws<ModuleException>(() => Reference.Parse(text));

        Assert.Equal(ErrorCodes.InvalidArgument, fault.Code);
        Assert.Contains(text, fault.Message, StringComparison.Ordinal);
        Assert.Contains(hint, fault.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public void Round_trips_through_its_text()
    {
        var random = new Random(20261124);
        for (var i = 0; i < 2000; i++)
        {
            var reference = new Reference(Pick("quay.io", "localhost:5000", "registry.example.com:8443", "10.0.0.1"), Pick("a", "a/b", "a-b/c__d/e.f", "x/y_z"))
            {
                Tag = Pick(null, "v1", "_x", "Stream-8.2"),
                Digest = random.Next(2) == 0 ? Digest.Sha256([(byte)i]) : null,
            };

            Assert.Equal(reference, Reference.Parse(reference.ToString()));
        }

        T Pick<T>(params T[] choices) => choices[random.Next(choices.Length)];
    }
}
