using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Ansible;

/// <summary>Which module is meant, and what it is given: by Ansible and by a person.</summary>
public sealed class CommandLineTests : IDisposable
{
    readonly TestFolder folder = new("command");

    static Dictionary<string, Func<IAnsibleModule>> Modules => new(StringComparer.Ordinal) { ["probe"] = () => new TestModule(), ["other"] = () => new TestModule() };

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("AnsiballZ_probe", """{}""")]
    [InlineData("AnsiballZ_other", """{"_ansible_module_name": "probe"}""")]
    [InlineData("passthrough", """{"_ansible_module_name": "disconnected.passthrough.probe"}""")]
    [InlineData("AnsiballZ_probe", """{"_ansible_module_name": "some.action.plugin"}""")]
    [InlineData("/usr/local/bin/probe", """{"_ansible_module_name": null}""")]
    public void The_module_is_the_one_that_ansible_names_else_the_programs_own(string program, string args) =>
        Assert.Equal("probe", Read(program, folder.Write("args", args)).Module.Spec.ModuleName);

    [Fact]
    public void An_unknown_module_is_said_with_those_there_are()
    {
        var fault = Assert.Throws<ModuleException>(() => Read("AnsiballZ_nothing", folder.Write("args", "{}")));

        Assert.Contains("nothing", fault.Message, StringComparison.Ordinal);
        Assert.Contains("other, probe", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\ufeff{\"name\": \"x\"}", """{"name":"x"}""")]
    [InlineData("""{"name": "x", "name": "y"}""", """{"name":"y"}""")]
    [InlineData("""{"date": "2024-01-02T03:04:05Z"}""", """{"date":"2024-01-02T03:04:05Z"}""")]
    [InlineData("""{"a": NaN, "b": -Infinity}""", """{"a":"NaN","b":"-Infinity"}""")]
    [InlineData("""{"key with space": 1, "_private": 2, "_ansible_new_in_core_3": 3}""", """{"key with space":1,"_private":2}""")]
    public void Args_files_are_read_as_python_writes_them(string text, string parameters) =>
        Assert.Equal(parameters, Json.Compact(Read("AnsiballZ_probe", folder.Write("args", text)).Parameters));

    [Fact]
    public void A_person_may_write_YAML()
    {
        var file = folder.Write("args.yml", """
            # for the night
            name: from file
            flag: no
            mode: 0644
            items:
              - {note: first, port: 8443}
            """);

        Assert.Equal("""{"name":"from file","flag":"no","mode":"0644","items":[{"note":"first","port":8443}]}""", Json.Compact(Read("modules/probe", "@" + file).Parameters));
    }

    [Theory]
    [InlineData("name: [", "is no valid YAML: line")]
    [InlineData("- name", "holds no mapping of names to values")]
    [InlineData("a: 1\n---\nb: 2\n", "holds no mapping of names to values")]
    public void A_broken_file_of_a_person_is_one_sentence(string text, string sentence) =>
        Assert.Contains($"args.yml {sentence}", Assert.Throws<ModuleException>(() => Read("modules/probe", "@" + folder.Write("args.yml", text))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("")]
    [InlineData("[1]")]
    [InlineData("{\"name\": ")]
    [InlineData("{} {}")]
    [InlineData("no JSON")]
    public void A_broken_args_file_is_one_sentence(string text)
    {
        var path = folder.Write("args", text);
        var fault = Assert.Throws<ModuleException>(() => Read("AnsiballZ_probe", path));

        Assert.Equal(ErrorCodes.InvalidArgument, fault.Code);
        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nesting_without_end_is_one_sentence() =>
        Assert.Equal(ErrorCodes.InvalidArgument, Assert.Throws<ModuleException>(() => Read("AnsiballZ_probe", folder.Write("args", "{\"a\":" + new string('[', 100_000)))).Code);

    [Fact]
    public void A_person_gives_pairs_flags_and_files_and_the_last_word_counts()
    {
        var file = folder.Write("args.json", """{"name": "from file", "flag": false}""");
        var command = Read("modules/probe", "name=first", "@" + file, "title=a=b c", "flag=yes", "--check", "--diff", "-vvv");

        Assert.Equal("""{"name":"from file","flag":"yes","title":"a=b c"}""", Json.Compact(command.Parameters));
        Assert.True(command.Options.CheckMode);
        Assert.True(command.Options.Diff);
        Assert.Equal(3, command.Options.Verbosity);
        Assert.True(command.Options.InjectInvocation);
        Assert.Empty(command.Warnings);
    }

    [Theory]
    [InlineData("name=\"a b\"", "a b")]
    [InlineData("name='a b'", "a b")]
    [InlineData("name=\"a", "\"a")]
    [InlineData("name=\"", "\"")]
    [InlineData("name=", "")]
    [InlineData("name={\"a\": 1}", "{\"a\": 1}")]
    public void Quotes_that_a_shell_left_are_ansibles(string argument, string value) => Assert.Equal(value, (string?)Read("probe", argument).Parameters["name"]);

    [Fact]
    public void A_secret_on_the_command_line_is_warned_about()
    {
        var warning = Assert.Single(Read("probe", "password=hunter2").Warnings);

        Assert.Contains("PROBE_PASSWORD", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", warning, StringComparison.Ordinal);
        Assert.Empty(Read("AnsiballZ_probe", folder.Write("args", """{"password": "hunter2"}""")).Warnings);
    }

    [Theory]
    [InlineData("name")]
    [InlineData("=x")]
    [InlineData("--no-such-flag")]
    [InlineData("@no/such/file")]
    public void What_is_no_argument_is_one_sentence(string argument) => Assert.NotEmpty(Assert.Throws<ModuleException>(() => Read("probe", argument)).Message);

    [Fact]
    public void Help_names_every_parameter_and_what_it_takes()
    {
        var help = Read("probe", "--help").Text!;

        foreach (var text in new[] { "name (title)", "PROBE_PASSWORD", "bool; default true", "list of dict", "key" })
            Assert.Contains(text, help, StringComparison.Ordinal);
    }

    [Fact]
    public void The_version_is_the_products() => Assert.Matches(@"^probe \d+\.\d+\.\d+\n$", Read("probe", "--version").Text);

    [Fact]
    public void Under_its_build_name_the_program_takes_the_modules_name_first() => Assert.Equal("x", (string?)Read("passthrough", "probe", "name=x").Parameters["name"]);

    static ModuleCommand Read(string program, params string[] arguments) => CommandLine.Read([program, .. arguments], Modules);
}
