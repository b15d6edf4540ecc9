using System.Globalization;

namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>A version of OpenShift, compared number by number: 4.9 is older than 4.13.</summary>
public sealed record OpenShiftVersion(int Major, int Minor, int Patch)
{
    /// <summary>ImageDigestMirrorSet and ImageTagMirrorSet came with 4.13.</summary>
    public bool HasMirrorSets => IsAtLeast(4, 13);

    /// <summary><c>imageDigestSources</c> in install-config.yaml; before, <c>imageContentSources</c>.</summary>
    public bool HasImageDigestSources => IsAtLeast(4, 14);

    /// <summary>Whether ImageContentSourcePolicy may stand beside the newer kinds (mirror-policies.md 1.1).</summary>
    public bool TakesBothFamilies => Minor switch
    {
        13 when Major == 4 => Patch >= 27,
        14 when Major == 4 => Patch >= 3,
        _ => true,
    };

    /// <summary>Reads <c>4.14</c>, <c>4.14.3</c> or <c>4.15.0-rc.1</c>.</summary>
    /// <exception cref="ModuleException">No version.</exception>
    public static OpenShiftVersion Parse(string text)
    {
        var numbers = text.Split('-', '+')[0].Split('.');
        return numbers.Length is 2 or 3 && numbers.All(number => number.Length is > 0 and < 7 && number.All(char.IsAsciiDigit))
            ? new OpenShiftVersion(Number(0), Number(1), numbers.Length == 3 ? Number(2) : int.MaxValue)
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"openshift_version \"{text}\" is no version", "write it in quotes like \"4.14\" or \"4.14.3\"");

        int Number(int index) => int.Parse(numbers[index], CultureInfo.InvariantCulture);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}") + (Patch == int.MaxValue ? "" : string.Create(CultureInfo.InvariantCulture, $".{Patch}"));

    bool IsAtLeast(int major, int minor) => Major > major || (Major == major && Minor >= minor);
}
