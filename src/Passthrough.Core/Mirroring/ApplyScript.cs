using System.Reflection;
using System.Text;

namespace Passthrough.Core.Mirroring;

/// <summary>
/// <c>apply-icsp-&lt;type&gt;.sh</c>. The script itself is <c>apply-icsp.sh</c> beside this file; here its blanks are filled. It finds what it applies beside itself
/// by name, so that the folder can be carried to where the cluster is.
/// </summary>
public sealed record ApplyScript
{
    const string Resource = "apply-icsp.sh";

    /// <summary>The name of the objects.</summary>
    public required string Name { get; init; }

    /// <summary>The value of <c>registry_type</c>.</summary>
    public required string RegistryType { get; init; }

    /// <summary><c>host[:port]</c>.</summary>
    public required string Registry { get; init; }

    /// <summary>Names of files beside the script, by kind (<c>icsp</c>, <c>idms</c>, <c>itms</c>, …).</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>The SHA-256 of the pull secret that ours was made from, line feeds at its end left out; the script replaces no other.</summary>
    public string? PullSecretBase { get; init; }

    public string Render()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Resource) ?? throw new InvalidOperationException($"{Resource} is not in the program");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var script = new StringBuilder(reader.ReadToEnd());
        Fill("NAME", Name);
        Fill("REGISTRY_TYPE", RegistryType);
        Fill("REGISTRY", Registry);
        foreach (var kind in new[] { "icsp", "idms", "itms", "trusted_ca", "pull_secret", "hypershift" })
            Fill(kind.ToUpperInvariant() + "_FILE", Files.GetValueOrDefault(kind, ""));
        Fill("PULL_SECRET_BASE", PullSecretBase ?? "");
        return script.ToString();

        // One word of a shell, whatever it holds.
        void Fill(string blank, string text) => script.Replace($"@{blank}@", $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'");
    }
}
