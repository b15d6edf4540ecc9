using Passthrough.Testing.Registries.Harbor;
using Passthrough.Testing.Replay;
using Xunit.Abstractions;

namespace Passthrough.Core.Tests.Testing.Harbor;

/// <summary>Our Harbor answers what the real one answered, from an empty start.</summary>
public sealed class HarborReplayTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Harbor_2_15_2()
    {
        if (Transcript.Read("harbor-2.15-transcript.txt") is not { } api || Transcript.Read("harbor-2.15-v2-transcript.txt") is not { } distribution)
        {
            output.WriteLine("skipped: the recordings are not beside this checkout");
            return;
        }

        var report = await HarborRecording.ReplayAsync(HarborVersion.V2_15_2, [.. InOrder(new Tape(api), new Tape(distribution))], "registry.example.com:8443");

        output.WriteLine(report.ToString());
        Assert.Equal(api.Count + distribution.Count, report.Outcomes.Count);
        report.AssertFaithful();
    }

    [Fact]
    public async Task Harbor_2_9_5()
    {
        if (Transcript.Read("harbor-2.9.5-transcript.txt") is not { } api || Transcript.Read("harbor-2.9.5-v2-transcript.txt") is not { } broken || Transcript.Read("harbor-2.9.5-v2-transcript-b.txt", "harbor-2.9.5-v2-transcript-c.txt") is not { } distribution)
        {
            output.WriteLine("skipped: the recordings are not beside this checkout");
            return;
        }

        // From the first upload on its recorder's own mistakes are all that it shows; the next two files repeat it.
        IEnumerable<RecordedExchange> valid = new Tape(broken).Through("referrers unknown digest");
        var report = await HarborRecording.ReplayAsync(HarborVersion.V2_9_5, [.. api, .. valid, .. distribution], "127.0.0.1:58080");

        output.WriteLine(report.ToString());
        report.AssertFaithful();
    }

    /// <summary>The two files were recorded at the same time, on the same server.</summary>
    static IEnumerable<RecordedExchange> InOrder(Tape api, Tape v2) =>
    [
        .. api.Through("robot_token_duration back"),
        .. v2.Through("private project: GET manifest with the anonymous token"),
        .. api.Through("quota below usage"),
        .. v2.Through("HEAD manifest when over (404 because of Accept: */*, see section 17)"),
        .. api.Through("quota = usage + 2 000 000"),
        .. v2.Through("PUT manifest, 3 MB layer, over the quota"),
        .. api.Through("immutable: REST delete repository"),
        .. v2.Through("DELETE by digest of an immutable tag, robot with repository:delete"),
        .. api.Through("immutable rule: disable"),
        .. v2.Through("PUT identical manifest, rule disabled"),
        .. api.Through("project: prevent_vul on"),
        .. v2.Through("GET manifest with prevent_vul on, not scanned (no scanner)"),
        .. api.Through("project: enable_content_trust_cosign on"),
        .. v2.Through("HEAD manifest with content trust, not signed"),
        .. api.Through("GET works"),
        .. v2.Through("GET /v2/"),
        .. api.Through("project tmp"),
        .. v2.Through("upload with that token"),
        .. api.Through("project tmp: delete"),
        .. v2.Through("token used while the project is missing"),
        .. api.Through("project tmp: again"),
        .. v2.Through("HEAD manifest by digest of another repository of the project"),
        .. v2.Through("PUT manifest with a sid cookie"),
        .. api.Through("project robot: GET another private project"),
        .. v2.Through("HEAD manifest of an image that is there already, by tag (1 request decides, digest equal)"),
        .. api.Through("robots, all of the project with page_size=100"),
        .. v2.Through("PATCH with Content-Range 0-99 and 10 bytes of body"),
        .. v2.Rest(),
        .. api.Rest(),
    ];
}
