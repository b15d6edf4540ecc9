using Passthrough.Testing;
using Passthrough.Testing.Registries;

namespace Passthrough.Core.Tests.Validation;

/// <summary>The registries that scenarios share; each scenario has repositories of its own in them.</summary>
public sealed class ProofStage : IAsyncLifetime, IDisposable
{
    public const string UserName = "mirror-reader";
    public const string Password = "s3cret of the mirror";

    readonly TestFolder folder = new("proof");
    Pki? pki;
    Pki? otherPki;
    DockerRegistry? secured;
    DockerRegistry? open;
    DockerRegistry? plain;

    public TestFolder Folder => folder;

    /// <summary>TLS and htpasswd.</summary>
    public DockerRegistry Secured => secured!;

    /// <summary>TLS for anybody.</summary>
    public DockerRegistry Open => open!;

    /// <summary>Plain HTTP for anybody.</summary>
    public DockerRegistry Plain => plain!;

    /// <summary>An authority that issued nothing.</summary>
    public Pki OtherPki => otherPki!;

    public async Task InitializeAsync()
    {
        pki = new Pki(folder.Folder("pki"));
        otherPki = new Pki(folder.Folder("other-pki"), "Another CA");
        secured = await DockerRegistry.Start(folder["secured"], new() { Pki = pki, Accounts = new Dictionary<string, string> { [UserName] = Password } });
        open = await DockerRegistry.Start(folder["open"], new() { Pki = pki });
        plain = await DockerRegistry.Start(folder["plain"]);
    }

    public async Task DisposeAsync()
    {
        foreach (var registry in new[] { secured, open, plain }.OfType<DockerRegistry>())
            await registry.DisposeAsync();
    }

    public void Dispose()
    {
        pki?.Dispose();
        otherPki?.Dispose();
        folder.Dispose();
    }
}

/// <summary>The registries of a <see cref="ProofStage"/>.</summary>
public enum StageRegistry
{
    /// <summary>TLS and htpasswd.</summary>
    Secured,

    /// <summary>TLS for anybody.</summary>
    Open,

    /// <summary>Plain HTTP for anybody.</summary>
    Plain,
}
