using Passthrough.Core.Admin;
using Passthrough.Core.Ansible;

namespace Passthrough.Modules.Shared;

/// <summary>The changes on a registry as a diff: the same list that <c>actions</c> and the sentence are made of.</summary>
static class ChangesDiff
{
    /// <returns>None where nothing was changed.</returns>
    public static IReadOnlyList<ResultDiff> Of(string authority, ChangeRunner runner) =>
        runner.HasChanged ? [new ResultDiff($"changes on {authority}", "",
            string.Concat(runner.Changes.Select(change => $"{change}\n")))] : [];
}
