using System.Runtime.CompilerServices;

namespace Passthrough.Testing;

/// <summary>Files under <c>tests/fixtures</c> and, where the checkout has it beside it, the folder of larger recordings.</summary>
public static class Fixtures
{
    /// <summary>The root of the checkout that the tests were built in.</summary>
    public static string Checkout { get; } = Path.GetFullPath(Path.Combine(SourceFolder(), "..", ".."));

    /// <summary>The absolute path of a fixture.</summary>
    public static string PathOf(string name) => Path.Combine(Checkout, "tests", "fixtures", name);

    public static string ReadText(string name) => File.ReadAllText(PathOf(name));

    /// <summary>A file of the recordings beside the checkout that are too large to commit; null where they are absent.</summary>
    public static string? Recording(string name) =>
        Path.Combine(Checkout, "..", "shared", "data", name) is var path && File.Exists(path) ? Path.GetFullPath(path) : null;

    static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
