using Newtonsoft.Json.Linq;
using Passthrough.Core.Mirroring.Clients;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Mirroring.Clients;

/// <summary>
/// Every recorded case of containers/image v5.42.0, value for value; what older versions do otherwise (<c>older</c>) is not modelled: they read version 1 files,
/// stumble over a byte-order mark and a trailing slash, and name drop-ins differently in errors.
/// </summary>
public sealed class ClientRegistriesTests
{
    static readonly JObject Golden = (JObject)Json.Parse(Fixtures.ReadText("registries-conf-golden.json"));

    static readonly JObject Operator = (JObject)Json.Parse(Fixtures.ReadText("mco-golden.json"));

    static readonly string Digest = ((string)Golden["digest"]!).Split(' ')[^1];

    public static TheoryData<string> Cases => [.. Golden["cases"]!.Select(item => (string)item["id"]!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Asks_where_containers_image_asks(string id)
    {
        var item = Golden["cases"]!.Single(one => (string)one["id"]! == id);
        var expected = item["out"]!;
        var conf = item["conf_from"] is { } from ? (string?)Operator["cases"]!.Single(one => (string)one["id"]! == (string)from!)["out"]!["registries_conf"] : (string?)item["conf"];
        var dropIns = ((JObject?)item["dropins"])?.Properties().ToDictionary(file => file.Name, file => (string)file.Value!);

        if ((string?)expected["error"] is { } error)
        {
            var fault = Assert.Throws<ModuleException>(() => ClientRegistries.Load(conf!, dropIns));
            // What is wrong with TOML is told in the words of the library that reads it.
            var toml = error.IndexOf(": toml: ", StringComparison.Ordinal);
            Assert.Equal(toml < 0 ? error : error[..toml], toml < 0 ? fault.Message : fault.Message[..toml]);
            return;
        }

        var registries = ClientRegistries.Load(conf!, dropIns);

        if (expected["registries"] is { } recorded)
            Assert.Equal(RegistriesShown.Of(recorded), RegistriesShown.Of(registries.Registries));
        else
            Assert.NotNull(item["conf_from"]);
        if (item["conf_from"] is null || expected["unqualified_search"] is not null)
            Assert.Equal(expected["unqualified_search"]?.Values<string>() ?? [], registries.UnqualifiedSearchRegistries);
        Assert.Equal((string?)expected["short_name_mode"] ?? "permissive", registries.ShortNameMode);
        Assert.Equal(expected["credential_helpers"]?.Values<string>() ?? [], registries.CredentialHelpers);
        var plans = (expected["refs"] ?? new JArray()).Select(one => (Recorded: Expand(Json.Compact(one)), Ours: Shown(Expand((string)one["in"]!), registries)));
        Assert.Empty(plans.Where(plan => plan.Recorded != plan.Ours).Select(plan => $"expected {plan.Recorded}\n     got {plan.Ours}"));
    }

    [Fact]
    public void Every_case_is_compared()
    {
        Assert.Equal(475, Golden["cases"]!.Count());
        Assert.Equal(1569, Golden["cases"]!.Sum(item => item["out"]!["refs"]?.Count() ?? 0));
        Assert.Equal(
            ["credential_helpers", "error", "refs", "registries", "short_name_mode", "unqualified_search"],
            Golden["cases"]!.SelectMany(item => ((JObject)item["out"]!).Properties()).Select(property => property.Name).Distinct().Order());
    }

    // In the form of the recordings, with their order of keys.
    static string Shown(string image, ClientRegistries registries)
    {
        var plan = registries.PlanPull(image);
        var shown = new JObject { ["in"] = image };
        if (plan.Image is { } full)
        {
            if (full.ToString() != image)
                shown["ref"] = full.ToString();
            shown["by"] = full.Digest is null ? "tag" : "digest";
        }

        if (plan.Match is { } match)
            shown["match"] = match.Prefix;
        if (plan.Error is { } error)
            shown["error"] = error;
        else
            shown["sources"] = new JArray(plan.Sources.Select(Shown));
        return Json.Compact(shown);
    }

    static JObject Shown(PullSource source)
    {
        var shown = new JObject { ["ref"] = source.Image.ToString() };
        if (source.Insecure)
            shown["insecure"] = true;
        if (source.BlockedBy is { } prefix)
            shown["blocked_by"] = prefix;
        return shown;
    }

    static string Expand(string text) => text.Replace("$D", Digest, StringComparison.Ordinal);
}
