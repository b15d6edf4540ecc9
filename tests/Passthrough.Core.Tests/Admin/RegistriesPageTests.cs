using Passthrough.Core.Admin;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Admin;

/// <summary>The page that tells users what works on which registry says what the program knows, and nothing else.</summary>
public sealed class RegistriesPageTests
{
    const string Start = "<!-- made from RegistryCapabilities -->\n";
    const string End = "<!-- end -->\n";

    /// <summary>In the order of the page.</summary>
    static readonly (string Name, Func<RegistryCapabilities, Ability> Of)[] Abilities =
    [
        ("health", edition => edition.Health),
        ("account", edition => edition.Account),
        ("pull-only account", edition => edition.PullAccount),
        ("rights mended", edition => edition.Rights),
        ("rotation", edition => edition.Rotation),
        ("expiry", edition => edition.Expiry),
        ("own secret", edition => edition.OwnSecret),
        ("namespace", edition => edition.Namespace),
        ("quota", edition => edition.Quota),
        ("visibility", edition => edition.Visibility),
        ("immutability", edition => edition.Immutability),
    ];

    static IEnumerable<RegistryCapabilities> Editions => RegistryProducts.All.SelectMany(product => product.Editions);

    [Fact]
    public void The_tables_are_what_the_program_knows()
    {
        var page = File.ReadAllText(Checkout.PathOf("docs", "registries.md"));
        var (start, end) = (page.IndexOf(Start, StringComparison.Ordinal) + Start.Length, page.IndexOf(End, StringComparison.Ordinal));

        Assert.True(start >= Start.Length && end >= start, "docs/registries.md has no place for the tables");
        Assert.Equal(Tables(), page[start..end]);
    }

    [Fact]
    public void Every_product_is_described_and_every_lack_is_a_sentence()
    {
        Assert.All(RegistryProducts.All, product => Assert.NotEmpty(product.Editions));
        foreach (var (edition, ability) in Editions.SelectMany(edition => Abilities.Select(ability => (edition, ability.Of(edition)))))
        {
            Assert.False(ability.Text.EndsWith('.'), $"{edition.Title}: \"{ability.Text}\" is no whole sentence, others are added to it");
            Assert.True(ability.IsThere || ability.Text.Split(' ').Length >= 5, $"{edition.Title}: \"{ability.Text}\" does not say who cannot do what");
        }
    }

    static string Tables()
    {
        var text = new System.Text.StringBuilder("\n");
        text.Append($"| | {string.Join(" | ", Editions.Select(edition => edition.Title))} |\n|---|{string.Concat(Editions.Select(_ => "---|"))}\n");
        foreach (var (name, of) in Abilities)
            text.Append($"| **{name}** | {string.Join(" | ", Editions.Select(edition => of(edition) is { IsThere: true } there ? there.Text : "no"))} |\n");
        text.Append("\nWhere it says no:\n\n");
        // What holds of two editions is said once.
        foreach (var lack in Editions.SelectMany(edition => Abilities.Select(ability => (edition.Title, ability.Name, Ability: ability.Of(edition)))).Where(one => !one.Ability.IsThere).GroupBy(one => (one.Name, one.Ability)))
            text.Append($"* **{string.Join(", ", lack.Select(one => one.Title))}: {lack.Key.Name}**: {lack.Key.Ability.Text}.{(lack.Key.Ability.Instead is { } instead ? $" Instead: {instead}." : "")}\n");
        return text.Append('\n').ToString();
    }
}
