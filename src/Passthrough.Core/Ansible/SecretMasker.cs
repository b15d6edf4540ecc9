namespace Passthrough.Core.Ansible;

/// <summary>Knows every secret of a run and removes it, in each form in which it may appear, from whatever is about to be printed.</summary>
public sealed class SecretMasker
{
    readonly HashSet<string> secrets = new(StringComparer.Ordinal);

    /// <summary>Registers a secret; empty ones are ignored.</summary>
    public void Add(string? secret)
    {
        if (!string.IsNullOrEmpty(secret))
            secrets.Add(secret);
    }
}
