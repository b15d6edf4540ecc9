using Passthrough.Core.Mirroring;
using Passthrough.Core.Mirroring.Cluster;

namespace Passthrough.Core.Tests.Mirroring.Cluster;

public sealed class ScopeIndexTests
{
    [Fact]
    public void Agrees_with_every_recorded_pair() =>
        Assert.Empty(OperatorGolden.File["nested"]!.Where(pair => new ScopeIndex([(string)pair[1]!]).Encloses((string)pair[0]!) != (bool)pair[2]!).Select(pair => pair.ToString()));

    /// <summary>Comparing each with each is what it replaces.</summary>
    [Fact]
    public void Finds_the_first_that_a_comparison_with_each_would_find()
    {
        var random = new Random(20261125);
        var differences = new List<string>();
        for (var round = 0; round < 5000; round++)
        {
            var scopes = Enumerable.Range(0, random.Next(6)).Select(_ => Scope(random)).ToArray();
            var scope = Scope(random);
            var expected = Array.FindIndex(scopes, one => MirrorNames.IsNested(scope, one));
            if (new ScopeIndex(scopes).First(scope) != (expected < 0 ? null : expected))
                differences.Add($"\"{scope}\" in \"{string.Join("\", \"", scopes)}\"");
        }

        Assert.Empty(differences);
    }

    // Every way in which the parts of a name can be put together, sense or not.
    static string Scope(Random random)
    {
        string[] parts = ["*", ".", "/", ":", "a", "b", "io", "*.", ".io", "", "80"];
        return string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => parts[random.Next(parts.Length)]));
    }
}
