namespace Passthrough.Testing;

/// <summary>Where things are in the checkout that the tests were built from. Nothing is ever written outside <see cref="Artifacts"/>.</summary>
public static class Checkout
{
    public static string Root { get; } = FindRoot();

    /// <summary>Everything built, downloaded or written by a test; git ignores it.</summary>
    public static string Artifacts { get; } = Path.Combine(Root, "artifacts");

    public static string Playbooks { get; } = Path.Combine(Root, "playbooks");

    /// <summary>An absolute path of something in the checkout.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A program that <c>scripts/bootstrap</c> unpacks under <c>artifacts/tools</c>, or the machine's own of that name.</summary>
    /// <param name="package">The folder under <c>artifacts/tools</c>.</param>
    /// <param name="path">Where it lies in that folder, for example <c>usr/bin/docker-registry</c>.</param>
    public static string Tool(string package, string path)
    {
        var unpacked = PathOf("artifacts", "tools", package, path);
        if (File.Exists(unpacked))
            return unpacked;
        var name = Path.GetFileName(path);
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"{name} is neither in artifacts/tools/{package} nor on PATH: run scripts/bootstrap (make does) and start again.");
    }

    /// <summary>The native executable of a module, as <c>make modules</c> leaves it.</summary>
    public static string Module(string name)
    {
        var path = PathOf("modules", name);
        return File.Exists(path) ? path : throw new InvalidOperationException($"modules/{name} has not been built: run `make modules` and start again.");
    }

    static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Passthrough.Modules.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"{AppContext.BaseDirectory} is not below a checkout: the tests run from the tree they were built in.");
    }
}
