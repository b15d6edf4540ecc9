using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Ansible;

/// <summary>The args files that nine releases of ansible-core wrote for one probe module: local and over ssh, become, async, every way to give a parameter.</summary>
public sealed class RecordedArgsTests
{
    const int Files = 179;
    const int Cores = 9;

    static readonly JArray Recorded = (JArray)Json.Parse(Fixtures.ReadText("ansible-args.json"));

    /// <summary>What the probe takes, by scenario; where none is named, any value as it comes.</summary>
    static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        ["adhoc"] = "n:int flag:bool list:list d:dict e:path t:int",
        ["adhoc_json"] = "n:int b:bool nul:str l:list d:dict f:str",
        ["kv"] = "a:int b:str c:int d:bool e:path f:dict g:list h:dict p:path q:str",
        ["loop"] = "i:str",
        ["tplset"] = "m:list r:list s:list z:raw",
        ["types"] = """
            b_quoted:bool b_true:bool b_yes:bool tpl_bool_filter:bool tpl_bool_lit:bool tpl_var_bool:bool tpl_str_true:bool
            i:int neg:int octal:int sexagesimal:int tpl_sum:int tpl_int_filter:int tpl_var_int:int tpl_multi:int
            tpl_float:str f:str f_exp:str f_small:str f_ver:str big:str over_2_53:bytes octal_0o:str octal_quoted:str ver_quoted:str zeros_quoted:str
            list:list list_template:list tpl_list_text:list tpl_pylist_text:list tpl_list_inline:list lit_list:list
            dict:dict nested_omit:dict tpl_from_json:dict tpl_json_inline:dict tpl_json_var:dict tpl_space_json:dict
            tpl_lookup_file:str tpl_to_json:str lit_json:str tpl_none:path empty:path
            """,
    };

    [Fact]
    public void Every_file_is_read()
    {
        using var folder = new TestFolder("args");
        foreach (var recorded in Recorded.Cast<JObject>())
        {
            var text = (string)recorded["args"]!;
            var scenario = (string?)((JObject)Json.Parse(text))["scenario"];
            var core = Version.Parse(((string)recorded["core"]!).Split("rc")[0]);

            var command = CommandLine.Read([(string)recorded["argv0"]!, folder.Write("args", text)], new Dictionary<string, Func<IAnsibleModule>> { ["probe"] = () => new Probe("") });

            Assert.Equal("probe", command.Module.Spec.ModuleName);
            Assert.Equal((bool)recorded["check"]!, command.Options.CheckMode);
            Assert.Equal(scenario is "diff" or "checkdiff", command.Options.Diff);
            Assert.Equal(core < new Version(2, 21), command.Options.InjectInvocation);
            Assert.False(command.Options.IgnoreUnknownParameters);
            Assert.False(command.ShowsProgress);
            Assert.DoesNotContain(command.Parameters.Properties(), p => p.Name.StartsWith("_ansible_", StringComparison.Ordinal));
        }

        Assert.Equal(Files, Recorded.Count);
    }

    /// <summary>Cores differ in the types that they hand over; what a module sees does not.</summary>
    [Fact]
    public async Task A_task_means_the_same_on_every_core()
    {
        var report = new StringBuilder();
        foreach (var task in Recorded.Cast<JObject>().GroupBy(TaskOf))
        {
            var seen = task.Select(recorded => (Core: (string)recorded["core"]!, Values: ValuesOf((string)recorded["args"]!))).ToList();

            Assert.All(seen, one => Assert.Equal(seen[0].Values, one.Values));
            report.Append($"{task.Key} ({seen.Select(one => one.Core).Distinct().Count()} cores)\n{seen[0].Values}");
        }

        Assert.Equal(Cores, Recorded.Select(recorded => (string)recorded["core"]!).Distinct().Count());
        await Snapshot.Verify(report.ToString());
    }

    // Cores up to 2.15 do not apply module_defaults to tasks that are written with action:, so these differ in what they give, not in how it is read.
    static string TaskOf(JObject recorded)
    {
        var args = (JObject)Json.Parse((string)recorded["args"]!);
        var scenario = (string?)args["scenario"];
        return scenario is "loop" ? $"loop over {args["i"]!.Type}" : $"{scenario ?? "nothing given"}{(args.ContainsKey("from_default") ? " with module_defaults" : "")}";
    }

    static string ValuesOf(string args)
    {
        var (_, parameters) = RunOptions.Split((JObject)Json.Parse(args));
        var spec = new Probe((string?)parameters["scenario"] ?? "", parameters).Spec;
        var values = new ArgumentValidator(new Dictionary<string, string>(StringComparer.Ordinal) { ["HOME"] = "/home/u" }, new SecretMasker(), [], []).Validate(spec, parameters, "probe", ignoreUnknown: false);
        return string.Concat(values.Properties().OrderBy(p => p.Name, StringComparer.Ordinal).Select(p => $"  {p.Name} = {Json.CompactAscii(p.Value)}\n"));
    }

    sealed class Probe(string scenario, JObject? given = null) : IAnsibleModule
    {
        readonly Dictionary<string, ArgumentType> types = (Types.GetValueOrDefault(scenario) ?? "").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split(':')).ToDictionary(pair => pair[0], pair => Enum.GetValues<ArgumentType>().Single(type => ArgumentCoercion.NameOf(type) == pair[1]), StringComparer.Ordinal);

        public ArgumentSpec Spec => new()
        {
            ModuleName = "probe",
            Arguments = [.. types.Keys.Union((given ?? []).Properties().Select(p => p.Name)).Select(name => new Argument(name, types.GetValueOrDefault(name, ArgumentType.Raw)))],
        };

        public Task<ModuleResult> RunAsync(ModuleContext context, CancellationToken cancellation) => throw new NotSupportedException();
    }
}
