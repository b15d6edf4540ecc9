using Passthrough.Testing.Registries.Quay;
using Passthrough.Testing.Replay;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Testing;

/// <summary>The fake of Quay, configured as mirror-registry and otherwise, against the recordings of the real one.</summary>
public sealed class QuayReplayTests(ITestOutputHelper output)
{
    /// <summary>The sections of both recordings in the order in which they were made: what one leaves behind the next one finds.</summary>
    static readonly string[] Order =
    [
        "1.", "1b.", "1c.", "1d.", "2.", "2b.", "2c.", "2d.", "3.", "3b.", "3c.", "3d.", "4.", "5.", "6.", "7.", "7b.", "7c.", "9.1", "9.2", "9.3", "9.4", "9.5", "9.6", "9.7",
        "9.8", "9.9", "9.10", "6b.", "3e.", "9.11", "8.", "8b.", "9.12", "8c.", "9.13", "9.14", "9.15", "8e.", "9.12b", "8f.", "7d.", "9.16", "9.", "8g.",
    ];

    [Fact]
    public async Task It_answers_as_the_real_one_did()
    {
        if (Transcript.Read("quay-3.12-transcript.txt") is not { } api || Transcript.Read("quay-3.12-v2-transcript.txt") is not { } registry)
        {
            output.WriteLine("skipped: the recordings are not beside this checkout");
            return;
        }

        await using var fake = await QuayFake.Start(new QuaySettings { IsInitialized = false, PublicAddress = QuayPreparation.PublicAddress });
        var rules = new QuayPreparation(fake).Rules;
        using var replayer = new Replayer(fake.Address, rules);
        var report = await replayer.RunAsync([.. api.Concat(registry).Where(exchange => Rank(exchange) >= 0).OrderBy(Rank).Select(QuayPreparation.Readable)]);

        output.WriteLine(report.ToString());
        report.AssertFaithful();
    }

    static int Rank(RecordedExchange exchange) => Array.IndexOf(Order, exchange.Section.Split(' ')[0]);
}
