using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// The two ways in: Ansible's (one argument, the args file) and a person's (<c>mirror_repo k=v … @file --check</c>).
/// </summary>
static class CommandLine
{
    const string AnsiblePrefix = "AnsiballZ_";

    /// <exception cref="ModuleException">No such module, no such file, or an argument of no known form.</exception>
    public static ModuleCommand Read(string[] argv, IReadOnlyDictionary<string, Func<IAnsibleModule>> modules)
    {
        var arguments = argv.AsSpan(1).ToArray();
        return arguments is [var path] && !path.StartsWith('-') && !path.StartsWith('@') && File.Exists(path)
            ? FromArgsFile(argv[0], path, modules)
            : FromPerson(argv[0], arguments, modules);
    }

    static ModuleCommand FromArgsFile(string program, string path, IReadOnlyDictionary<string, Func<IAnsibleModule>> modules)
    {
        var (options, parameters) = RunOptions.Split(ReadArgsFile(path));
        var name = options.ModuleName?[(options.ModuleName.LastIndexOf('.') + 1)..];
        return new ModuleCommand(Find(name ?? NameOf(program), modules), parameters, options);
    }

    static JObject ReadArgsFile(string path)
    {
        try
        {
            return Json.Parse(File.ReadAllText(path)) as JObject ?? throw new ModuleException(ErrorCodes.InvalidArgument, $"{path} holds no JSON object");
        }
        catch (JsonException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{path} is no valid JSON: {e.Message}");
        }
    }

    static ModuleCommand FromPerson(string program, string[] arguments, IReadOnlyDictionary<string, Func<IAnsibleModule>> modules)
    {
        var module = Find(NameOf(program), modules);
        var options = new RunOptions();
        var parameters = new JObject();
        var warnings = new List<string>();
        foreach (var argument in arguments)
        {
            switch (argument)
            {
                case "--help" or "-h":
                    return new ModuleCommand(module, [], options) { Text = HelpText.Of(module.Spec) };
                case "--version":
                    return new ModuleCommand(module, [], options) { Text = $"{module.Spec.ModuleName} {HelpText.Version}\n" };
                case "--check":
                    options = options with { CheckMode = true };
                    break;
                case "--diff":
                    options = options with { Diff = true };
                    break;
                case "-v" or "-vv" or "-vvv" or "-vvvv":
                    options = options with { Verbosity = argument.Length - 1 };
                    break;
                case ['@', .. var file]:
                    parameters.Merge(ReadParameterFile(file), new JsonMergeSettings { MergeArrayHandling = MergeArrayHandling.Replace });
                    break;
                default:
                    AddPair(argument, module.Spec, parameters, warnings);
                    break;
            }
        }

        return new ModuleCommand(module, parameters, options with { InjectInvocation = options.Verbosity >= 3 }) { Warnings = warnings, ShowsProgress = StandardOutput.ErrorIsTerminal };
    }

    static void AddPair(string argument, ArgumentSpec spec, JObject parameters, List<string> warnings)
    {
        var equals = argument.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"argument \"{argument}\" is neither name=value nor @file", $"{spec.ModuleName} --help lists what can be given");
        var (name, value) = (argument[..equals], argument[(equals + 1)..]);
        parameters[name] = value;
        if (spec.Arguments.FirstOrDefault(a => a.NoLog && (a.Name == name || a.Aliases.Contains(name))) is { } secret)
        {
            var instead = secret.EnvironmentFallback.IsEmpty ? "in a file given as @file" : $"in {secret.EnvironmentFallback[0]} or a file given as @file";
            warnings.Add($"{name} on the command line can be read by every user of this host; give it {instead}");
        }
    }

    static JObject ReadParameterFile(string path)
    {
        if (!File.Exists(path))
            throw new ModuleException(ErrorCodes.File, $"parameter file {path} does not exist");
        var text = File.ReadAllText(path);
        return Json.TryParseObject(text) ?? throw new ModuleException(ErrorCodes.InvalidArgument, $"parameter file {path} holds no JSON object");
    }

    static IAnsibleModule Find(string name, IReadOnlyDictionary<string, Func<IAnsibleModule>> modules)
    {
        if (modules.TryGetValue(name, out var create))
            return create();
        throw new ModuleException(ErrorCodes.InvalidArgument, $"there is no module {name} in this program; it has {string.Join(", ", modules.Keys.Order(StringComparer.Ordinal))}",
            "call it by the name of a module");
    }

    static string NameOf(string program)
    {
        var name = Path.GetFileName(program);
        return name.StartsWith(AnsiblePrefix, StringComparison.Ordinal) ? name[AnsiblePrefix.Length..] : name;
    }
}
