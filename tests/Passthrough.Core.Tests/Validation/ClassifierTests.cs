using System.Text;
using System.Text.RegularExpressions;
using Passthrough.Core.Text;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Validation;

/// <summary>
/// Validation as a classifier: scenarios of a seed, broken in every known way or unusual and whole. The expected verdict is what the real skopeo does in
/// that state; a breakage's report must name its cause.
/// </summary>
public sealed class ClassifierTests(ProofStage stage, ITestOutputHelper output) : IClassFixture<ProofStage>
{
    const int Seed = 20_261_125;

    public static TheoryData<string> Breakages => [.. Breakage.All.Select(breakage => breakage.Kind)];

    public static TheoryData<string> HealthyVariants => [.. HealthyVariant.All.Select(variant => variant.Kind)];

    [Theory]
    [MemberData(nameof(Breakages))]
    public Task A_breakage_fails_and_is_named(string kind) => Judge(Breakage.All.Single(breakage => breakage.Kind == kind), Seed, 1);

    [Theory]
    [MemberData(nameof(HealthyVariants))]
    public Task A_healthy_variant_passes(string kind) => Judge(HealthyVariant.All.Single(variant => variant.Kind == kind), Seed, 1);

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(Breakages))]
    public Task Ten_breakages_of_a_kind(string kind) => Judge(Breakage.All.Single(breakage => breakage.Kind == kind), Seed + 1, 10);

    [Theory]
    [Trait("Category", "Long")]
    [MemberData(nameof(HealthyVariants))]
    public Task Fourteen_healthy_variants_of_a_kind(string kind) => Judge(HealthyVariant.All.Single(variant => variant.Kind == kind), Seed + 1, 14);

    async Task Judge(Breakage breakage, int seed, int count)
    {
        var wrong = new StringBuilder();
        for (var i = 0; i < count; i++)
        {
            var (scenario, random) = await Start(breakage.Kind, breakage.Registry, seed + i * 1000);
            await breakage.Break(scenario, random);
            var (verdict, report) = await Verdict(scenario);
            if (await SkopeoOracle.FirstFailure(scenario) is null)
                wrong.AppendLine($"seed {seed + i * 1000}: skopeo copies everything: this is no breakage\n{report}");
            else if (verdict.Passed)
                wrong.AppendLine($"seed {seed + i * 1000}: FALSE PASS\n{report}\n{scenario.Conf()}");
            else if (!Regex.IsMatch(verdict.Message, breakage.Cause, RegexOptions.Singleline, TimeSpan.FromSeconds(5)))
                wrong.AppendLine($"seed {seed + i * 1000}: the cause is not named ({breakage.Cause})\n{report}\n{scenario.Conf()}");
        }

        Assert.True(wrong.Length == 0, wrong.ToString());
    }

    async Task Judge(HealthyVariant variant, int seed, int count)
    {
        var wrong = new StringBuilder();
        for (var i = 0; i < count; i++)
        {
            var (scenario, random) = await Start(variant.Kind, variant.Registry, seed + i * 1000);
            await variant.Change(scenario, random);
            var (verdict, report) = await Verdict(scenario);
            if (await SkopeoOracle.FirstFailure(scenario) is { } failure)
                wrong.AppendLine($"seed {seed + i * 1000}: skopeo itself fails: {failure}\n{scenario.Conf()}");
            else if (!verdict.Passed)
                wrong.AppendLine($"seed {seed + i * 1000}: FALSE FAIL\n{report}\n{scenario.Conf()}");
        }

        Assert.True(wrong.Length == 0, wrong.ToString());
    }

    async Task<(Scenario Scenario, Random Random)> Start(string kind, StageRegistry? registry, int seed)
    {
        output.WriteLine($"{kind}: seed {seed}");
        var random = new Random(seed);
        return (await Scenario.Create(stage, registry ?? Breakage.Pick(random, [StageRegistry.Secured, StageRegistry.Open, StageRegistry.Plain]), random), random);
    }

    static async Task<((bool Passed, string Message) Verdict, string Report)> Verdict(Scenario scenario)
    {
        try
        {
            var report = await scenario.Prove();
            return ((report.Passed, report.Message), $"{report.Message}\n{Json.Indented(report.ToJson())}");
        }
        catch (ModuleException e)
        {
            return ((false, e.Message), e.Message);
        }
    }
}
