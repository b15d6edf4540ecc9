using Passthrough.Testing;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>
/// What is handed on is what git tracks: a user's own variables and inventories, which hold passwords, stay where they are.
/// </summary>
public sealed class ShippedFilesTests : IDisposable
{
    readonly TestFolder folder = new("shipped");

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Own_files_are_not_packed_and_are_named()
    {
        folder.Write("extra_vars/example.yml", "registry_type: quay");
        folder.Write("extra_vars/removed.yml", "x");
        folder.Write(".gitignore", "passthrough-vars.yml\n");
        Directory.CreateDirectory(folder["scripts"]);
        File.Copy(Checkout.PathOf("scripts", "shipped"), folder["scripts/shipped"]);
        foreach (var command in new[] { "git init -q", "git add .", "git -c user.name=t -c user.email=t@example.com commit -qm first" })
            (await Run(command.Split(' '))).MustSucceed();
        File.Delete(folder["extra_vars/removed.yml"]);
        folder.Write("extra_vars/passthrough-vars.yml", "registry_password: ignored");
        folder.Write("extra_vars/prod.yml", "registry_password: untracked");

        var listed = (await Run("bash", "scripts/shipped", "extra_vars")).MustSucceed();

        Assert.Equal("extra_vars/example.yml", listed.Output.Trim());
        Assert.Contains("not packed, because git does not track it: extra_vars/passthrough-vars.yml", listed.All);
        Assert.Contains("not packed, because git does not track it: extra_vars/prod.yml", listed.All);
    }

    /// <summary>Both packers ask that list, and copy nothing by themselves.</summary>
    [Theory]
    [InlineData("make-collection")]
    [InlineData("make-dist")]
    public void Packers_ask_the_list(string script)
    {
        var text = File.ReadAllText(Checkout.PathOf("scripts", script));

        Assert.Contains("scripts/shipped", text);
        Assert.DoesNotContain("cp -r", text);
        Assert.DoesNotContain("git ls-files", text);
    }

    Task<CommandResult> Run(params string[] command) => Command.Run(command, new CommandSettings { WorkingDirectory = folder.Path });
}
