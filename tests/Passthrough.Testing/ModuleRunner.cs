using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;

namespace Passthrough.Testing;

/// <summary>Runs a module in this process, as Ansible would: arguments in, result JSON out.</summary>
public static class ModuleRunner
{
    /// <param name="module">The module.</param>
    /// <param name="arguments">The user's parameters.</param>
    /// <param name="check">Check mode.</param>
    /// <param name="diff">Whether the result shows what differs.</param>
    /// <param name="environment">The environment that fallbacks are read from; empty where not given.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <returns>The masked result, as it would be printed.</returns>
    public static async Task<JObject> RunAsync(
        IAnsibleModule module,
        JObject arguments,
        bool check = false,
        bool diff = false,
        IReadOnlyDictionary<string, string>? environment = null,
        CancellationToken cancellation = default)
    {
        var answer = await ModuleHost.ExecuteAsync(
            new ModuleCommand(module, arguments, new RunOptions { CheckMode = check, Diff = diff }),
            environment ?? new Dictionary<string, string>(StringComparer.Ordinal),
            cancellation);
        SuiteOutput.Add(module.Spec.ModuleName, Json.Compact(answer));
        return answer;
    }
}
