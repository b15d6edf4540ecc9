using System.Diagnostics.CodeAnalysis;

namespace Passthrough.Core;

/// <summary>
/// A version as https://semver.org/spec/v2.0.0.html defines it, strictly: three numbers without leading zeros, an optional prerelease,
/// optional build metadata.
/// Versions compare and are equal by precedence, so build metadata does not count: <c>4.13.1+amd64</c> equals <c>4.13.1</c>.
/// </summary>
public sealed class SemanticVersion : IComparable<SemanticVersion>, IEquatable<SemanticVersion>
{
    /// <summary>A longer text is not a version of anything that exists.</summary>
    const int MaxLength = 256;

    readonly string[] core;
    readonly string[] prerelease;

    SemanticVersion(string text, string[] core, string[] prerelease) => (Text, this.core, this.prerelease) = (text, core, prerelease);

    /// <summary>The version as it was written, build metadata included.</summary>
    public string Text { get; }

    /// <summary>The first number, as it was written: there is no upper limit.</summary>
    public string Major => core[0];

    public string Minor => core[1];

    public string Patch => core[2];

    /// <summary>Whether the version comes before the release of its three numbers, for example <c>4.20.0-rc.1</c>.</summary>
    public bool IsPrerelease => prerelease.Length > 0;

    public override string ToString() => Text;

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out SemanticVersion? version)
    {
        version = null;
        if (string.IsNullOrEmpty(text) || text.Length > MaxLength)
            return false;
        var (rest, build) = Split(text, '+');
        var (numbers, suffix) = Split(rest, '-');
        var three = numbers.Split('.');
        var identifiers = suffix?.Split('.') ?? [];
        if (three.Length != 3 || !three.All(IsNumber) || !identifiers.All(IsPrereleaseIdentifier))
            return false;
        if (build is not null && !build.Split('.').All(IsIdentifier))
            return false;
        version = new SemanticVersion(text, three, identifiers);
        return true;
    }

    public int CompareTo(SemanticVersion? other)
    {
        if (other is null)
            return 1;
        for (var i = 0; i < core.Length; i++)
        {
            if (CompareNumbers(core[i], other.core[i]) is var order and not 0)
                return order;
        }

        // A prerelease comes before its release.
        if (prerelease.Length == 0 || other.prerelease.Length == 0)
            return other.prerelease.Length.CompareTo(prerelease.Length);
        for (var i = 0; i < Math.Min(prerelease.Length, other.prerelease.Length); i++)
        {
            if (CompareIdentifiers(prerelease[i], other.prerelease[i]) is var order and not 0)
                return order;
        }

        return prerelease.Length.CompareTo(other.prerelease.Length);
    }

    public bool Equals(SemanticVersion? other) => CompareTo(other) == 0;

    public override bool Equals(object? obj) => Equals(obj as SemanticVersion);

    public override int GetHashCode()
    {
        var code = default(HashCode);
        foreach (var part in core)
            code.Add(part);
        foreach (var part in prerelease)
            code.Add(part);
        return code.ToHashCode();
    }

    public static bool operator <(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) < 0;

    public static bool operator >(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) > 0;

    public static bool operator <=(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) <= 0;

    public static bool operator >=(SemanticVersion left, SemanticVersion right) => left.CompareTo(right) >= 0;

    public static bool operator ==(SemanticVersion? left, SemanticVersion? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(SemanticVersion? left, SemanticVersion? right) => !(left == right);

    static (string Before, string? After) Split(string text, char separator) =>
        text.IndexOf(separator) is >= 0 and var at ? (text[..at], text[(at + 1)..]) : (text, null);

    static bool IsNumber(string part) => part.Length > 0 && part.All(char.IsAsciiDigit) && (part.Length == 1 || part[0] != '0');

    static bool IsIdentifier(string part) => part.Length > 0 && part.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    static bool IsPrereleaseIdentifier(string part) => IsIdentifier(part) && (!part.All(char.IsAsciiDigit) || IsNumber(part));

    // Without leading zeros the longer number is the larger one.
    static int CompareNumbers(string left, string right) =>
        left.Length != right.Length ? left.Length.CompareTo(right.Length) : string.CompareOrdinal(left, right);

    // Section 11.4: numbers by value, texts by their characters, a number before any text.
    static int CompareIdentifiers(string left, string right) => (IsNumber(left), IsNumber(right)) switch
    {
        (true, true) => CompareNumbers(left, right),
        (true, false) => -1,
        (false, true) => 1,
        _ => string.CompareOrdinal(left, right),
    };
}
