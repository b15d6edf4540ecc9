using Passthrough.Core.Programs;
using Passthrough.Core.Registry.Auth;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Programs;

/// <summary>Programs come from absolute folders of PATH, never from where a user or an attacker happens to be.</summary>
public sealed class SearchPathTests : IDisposable
{
    const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    string Program(string place, string name, string script = "exit 0")
    {
        var path = Path.Combine(folder.Folder(place), name);
        File.WriteAllText(path, $"#!/bin/bash\n{script}\n");
        File.SetUnixFileMode(path, Executable);
        return path;
    }

    [Fact]
    public void The_first_absolute_folder_wins()
    {
        var (first, second) = (Program("first", "tool"), Program("second", "tool"));

        Assert.Equal(first, new SearchPath($"{folder["first"]}:{folder["second"]}").Find("tool"));
        Assert.Equal(second, new SearchPath($"{folder["none"]}:{folder["second"]}:{folder["first"]}").Find("tool"));
    }

    [Theory]
    [InlineData(".")]
    [InlineData("")]
    [InlineData(":")]
    [InlineData("./")]
    [InlineData("bin")]
    [InlineData("~")]
    [InlineData("{cwd}")]
    [InlineData("{cwd}/.")]
    [InlineData("/proc/self/cwd")]
    [InlineData("{link}")]
    [InlineData("{own}")]
    public void The_current_folder_and_the_programs_own_are_not_searched(string entry)
    {
        var link = folder["link"];
        Directory.CreateSymbolicLink(link, Environment.CurrentDirectory);
        var own = AppContext.BaseDirectory;
        foreach (var place in new[] { Environment.CurrentDirectory, own })
        {
            var planted = Path.Combine(place, "planted-by-a-test");
            File.WriteAllText(planted, "#!/bin/bash\n");
            File.SetUnixFileMode(planted, Executable);
        }

        var path = entry.Replace("{cwd}", Environment.CurrentDirectory).Replace("{link}", link).Replace("{own}", own);

        Assert.Null(new SearchPath(path).Find("planted-by-a-test"));
        Assert.Equal("/usr/bin", new SearchPath($"{path}:/usr/bin").ToString());
    }

    [Fact]
    public void Only_a_regular_file_that_may_be_executed_is_a_program()
    {
        Directory.CreateDirectory(Path.Combine(folder.Folder("a"), "tool"));
        File.WriteAllText(Path.Combine(folder.Folder("b"), "tool"), "not executable");
        File.CreateSymbolicLink(Path.Combine(folder.Folder("c"), "tool"), "/no/such/file");
        File.CreateSymbolicLink(Path.Combine(folder.Folder("d"), "tool"), "/dev/null");
        var right = Program("e", "tool");

        Assert.Equal(right, new SearchPath(string.Join(':', "abcde".Select(c => folder[c.ToString()]))).Find("tool"));
    }

    [Theory]
    [InlineData("../first/tool")]
    [InlineData("/bin/sh")]
    [InlineData("")]
    [InlineData("a\0b")]
    public void A_name_is_not_a_path(string name)
    {
        Program("first", "tool");

        Assert.Null(new SearchPath(folder["first"]).Find(name));
    }

    [Fact]
    public void A_credential_helper_is_asked_with_the_registry_on_its_input()
    {
        Program("bin", "docker-credential-x", """[ "$1" = get ] && read -r host; echo "{\"Username\": \"$host\", \"Secret\": \"s\"}" """);

        var credential = CredentialHelper.Ask("x", "quay.io", new SearchPath($"{folder["bin"]}:/usr/bin:/bin"));

        Assert.Equal(("quay.io", "s"), (credential?.Username, credential?.Password));
    }

    [Fact]
    public void A_credential_helper_in_the_current_folder_is_not_run()
    {
        var planted = Path.Combine(Environment.CurrentDirectory, "docker-credential-planted");
        File.WriteAllText(planted, "#!/bin/bash\necho '{\"Username\": \"u\", \"Secret\": \"s\"}'\n");
        File.SetUnixFileMode(planted, Executable);

        var fault = Assert.Throws<ModuleException>(() => CredentialHelper.Ask("planted", "quay.io"));

        Assert.Equal(
            "the credential helper docker-credential-planted gave no credentials for quay.io: no absolute folder of PATH has it",
            fault.Message);
    }

    [Fact]
    public void A_helper_that_does_not_read_or_never_ends_is_no_hang()
    {
        Program("bin", "docker-credential-deaf", "exec 0<&-; echo 'credentials not found in native keychain'; exit 1");

        Assert.Null(CredentialHelper.Ask("deaf", new string('r', 200_000), new SearchPath(folder["bin"])));
    }

    [Theory]
    [InlineData("secretservice", "DBUS_SESSION_BUS_ADDRESS", true)]
    [InlineData("pass", "PASSWORD_STORE_DIR", true)]
    [InlineData("pass", "GNUPGHOME", true)]
    [InlineData("ecr-login", "AWS_SECRET_ACCESS_KEY", true)]
    [InlineData("pass", "AWS_SECRET_ACCESS_KEY", false)]
    [InlineData("vault-login", "VAULT_TOKEN", true)]
    [InlineData("secretservice", "VAULT_TOKEN", false)]
    [InlineData("pass", "REGISTRY_PASSWORD", false)]
    [InlineData("registry-x", "REGISTRY_TOKEN", false)]
    [InlineData("ansible", "ANSIBLE_VAULT_PASSWORD_FILE", false)]
    [InlineData("pass", "LD_PRELOAD", false)]
    [InlineData("pass", "HOME", true)]
    public void A_helper_gets_what_it_needs_of_the_environment(string name, string variable, bool isGiven)
    {
        var variables = new Dictionary<string, string> { [variable] = "value", ["PATH"] = ".:/usr/bin" };

        var given = CredentialHelper.EnvironmentFor(name, variables, new SearchPath(".:/usr/bin"));


        Assert.Equal(isGiven, given.ContainsKey(variable));
        Assert.Equal("/usr/bin", given["PATH"]);
    }
}
