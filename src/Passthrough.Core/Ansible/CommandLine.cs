using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;
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
        var (options, parameters) = RunOptions.Split(ReadObject(path, "args file"));
        // An action plugin may run us under a name of its own: then the file's name decides.
        var name = options.ModuleName?[(options.ModuleName.LastIndexOf('.') + 1)..];
        return new ModuleCommand(Find(name is not null && modules.ContainsKey(name) ? name : NameOf(program), modules), parameters, options);
    }

    static JObject ReadObject(string path, string what)
    {
        try
        {
            return Json.Parse(ReadText(path, what)) as JObject ?? throw new ModuleException(ErrorCodes.InvalidArgument, $"{what} {path} holds no JSON object");
        }
        catch (JsonException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{what} {path} is no valid JSON: {e.Message}", inner: e);
        }
    }

    // What people write is YAML as often as JSON.
    static JObject ReadParameters(string path)
    {
        const string What = "parameter file";
        if (!path.EndsWith(".yml", StringComparison.Ordinal) && !path.EndsWith(".yaml", StringComparison.Ordinal))
            return ReadObject(path, What);
        try
        {
            return Yaml.ParseAll(ReadText(path, What)) is [JObject parameters] ? parameters : throw new ModuleException(ErrorCodes.InvalidArgument, $"{What} {path} holds no mapping of names to values");
        }
        catch (FormatException e)
        {
            throw new ModuleException(ErrorCodes.InvalidArgument, $"{What} {path} is no valid YAML: {e.Message}", inner: e);
        }
    }

    static string ReadText(string path, string what)
    {
        try
        {
            return InputFile.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"{what} {path} cannot be read: {e.Message}", inner: e);
        }
    }

    static ModuleCommand FromPerson(string program, string[] arguments, IReadOnlyDictionary<string, Func<IAnsibleModule>> modules)
    {
        // The program under its build name takes the module's name first: passthrough mirror_repo state=present.
        var name = NameOf(program);
        if (!modules.ContainsKey(name) && arguments is [var first, .. var rest] && modules.ContainsKey(first))
            (name, arguments) = (first, rest);
        var module = Find(name, modules);
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
                    foreach (var parameter in ReadParameters(file).Properties())
                        parameters[parameter.Name] = parameter.Value;
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
        var (name, value) = (argument[..equals].Trim(), Unquote(argument[(equals + 1)..].Trim()));
        parameters[name] = value;
        if (spec.Arguments.FirstOrDefault(a => a.NoLog && (a.Name == name || a.Aliases.Contains(name))) is { } secret)
        {
            var instead = secret.EnvironmentFallback.IsEmpty ? "in a file given as @file" : $"in {secret.EnvironmentFallback[0]} or a file given as @file";
            warnings.Add($"{name} on the command line can be read by every user of this host; give it {instead}");
        }
    }

    // Quotes that a shell has left are Ansible's own: k="a b".
    static string Unquote(string value) => value is ['"' or '\'', .., _] && value[^1] == value[0] ? value[1..^1] : value;

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
