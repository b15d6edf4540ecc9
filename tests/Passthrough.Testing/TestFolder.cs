namespace Passthrough.Testing;

/// <summary>A folder of a test's own under <c>artifacts/tests</c>, deleted with everything in it when it is disposed.</summary>
public sealed class TestFolder : IDisposable
{
    /// <param name="name">What shows in the folder's name; a random part follows.</param>
    public TestFolder(string name = "test")
        : this(System.IO.Path.Combine(Checkout.Artifacts, "tests"), $"{name}-{Guid.NewGuid():N}"[..(name.Length + 9)])
    {
    }

    TestFolder(string parent, string name)
    {
        Path = System.IO.Path.Combine(parent, name);
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>Makes a folder inside this one and gives its path.</summary>
    public string Folder(params string[] parts) => Directory.CreateDirectory(this[parts]).FullName;

    /// <summary>Writes a file inside this folder and gives its path.</summary>
    public string Write(string name, string text)
    {
        var path = this[name];
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public override string ToString() => Path;

    public void Dispose()
    {
        if (Directory.Exists(Path))
            Directory.Delete(Path, recursive: true);
    }
}
