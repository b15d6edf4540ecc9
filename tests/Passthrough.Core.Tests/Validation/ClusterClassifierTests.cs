using System.Text;
using System.Text.RegularExpressions;
using Passthrough.Testing.Processes;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Validation;

/// <summary>
/// What validation says of clusters, as a classifier: states of a seed. The expected verdict is what the real skopeo does with the registries.conf that the nodes have in that state.
/// </summary>
public sealed class ClusterClassifierTests(ProofStage stage, ITestOutputHelper output) : IClassFixture<ProofStage>
{
    const int Seed = 20_261_127;

    public static TheoryData<string> Breakages => [.. ClusterState.Breakages.Select(state => state.Kind)];

    public static TheoryData<string> HealthyVariants => [.. ClusterState.HealthyVariants.Select(state => state.Kind)];

    [Theory]
    [MemberData(nameof(Breakages))]
    public Task A_broken_cluster_fails_and_is_named(string kind) => Judge(ClusterState.Breakages.Single(state => state.Kind == kind), Seed, 1);

    [Theory]
    [MemberData(nameof(HealthyVariants))]
    public Task A_cluster_that_works_passes(string kind) => Judge(ClusterState.HealthyVariants.Single(state => state.Kind == kind), Seed, 1);

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(Breakages))]
    public Task Ten_broken_clusters_of_a_kind(string kind) => Judge(ClusterState.Breakages.Single(state => state.Kind == kind), Seed + 1, 10);

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(HealthyVariants))]
    public Task Ten_clusters_of_a_kind_that_work(string kind) => Judge(ClusterState.HealthyVariants.Single(state => state.Kind == kind), Seed + 1, 10);

    async Task Judge(ClusterState state, int first, int count)
    {
        var wrong = new StringBuilder();
        for (var seed = first; seed < first + count * 1000; seed += 1000)
        {
            output.WriteLine($"{state.Kind}: seed {seed}");
            var random = new Random(seed);
            var images = await Scenario.Create(stage, state.Registry ?? Breakage.Pick(random, [StageRegistry.Secured, StageRegistry.Open]), random);
            await using var cluster = new ClusterScenario(images, state.Settings(random), random);
            await cluster.Start();
            await state.Make(cluster, random);
            var verdict = await cluster.Validate(state.WithPods);
            if (Fault(state, verdict, await cluster.Failure()) is { } fault)
                wrong.AppendLine($"seed {seed}: {fault}\n{verdict}\n{cluster.Cluster.NodesConf("master")}");
        }

        Assert.True(wrong.Length == 0, wrong.ToString());
    }

    static string? Fault(ClusterState state, CommandResult verdict, string? failure) => (state.Cause, failure, verdict.Succeeded) switch
    {
        (null, not null, _) => $"skopeo on a node fails: {failure}",
        (not null, null, _) => "skopeo on the nodes copies everything: this is no breakage",
        (null, _, false) => "FALSE FAIL",
        (not null, _, true) => $"FALSE PASS, and on a node: {failure}",
        ({ } cause, _, false) when !Regex.IsMatch(verdict.Error, $"error:.*({cause})", RegexOptions.None, TimeSpan.FromSeconds(5)) => $"the cause is not named ({cause})",
        _ => null,
    };
}
