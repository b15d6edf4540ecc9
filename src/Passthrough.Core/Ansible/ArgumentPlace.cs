using System.Collections.Immutable;
using System.Globalization;

namespace Passthrough.Core.Ansible;

/// <summary>Where in nested parameters the validator is, in the four ways that AnsibleModule's messages say it.</summary>
/// <param name="ModuleName">As the user wrote it; null where unknown names are ignored.</param>
/// <param name="Parents">The parameters that this level is within, outermost first.</param>
/// <param name="Prefix">With the index in a list: <c>images[0].</c></param>
sealed record ArgumentPlace(string? ModuleName, ImmutableArray<string> Parents, string Prefix)
{
    public static ArgumentPlace Top(string? moduleName) => new(moduleName, [], "");

    public ArgumentPlace Inside(string argument, int? index) =>
        new(ModuleName, Parents.Add(argument), Prefix + argument + (index is null ? "." : string.Create(CultureInfo.InvariantCulture, $"[{index}].")));

    /// <summary>At the end of most messages.</summary>
    public string Within => Parents.IsEmpty ? "" : $" found in {string.Join(" -> ", Parents)}";

    /// <summary>In the middle of messages about types.</summary>
    public string QuotedWithin => Parents.IsEmpty ? "" : $" found in '{string.Join(" -> ", Parents)}'";

    /// <summary>Before unknown names.</summary>
    public string Dotted => string.Concat(Parents.Select(parent => parent + "."));
}
