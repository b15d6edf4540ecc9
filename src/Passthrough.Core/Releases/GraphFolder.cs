using Newtonsoft.Json.Linq;
using Passthrough.Core.Files;

namespace Passthrough.Core.Releases;

/// <summary>
/// Recorded answers of an update service: <c>ARCHITECTURE_CHANNEL.json</c> each. A file that is missing is a channel that does not exist.
/// </summary>
public sealed class GraphFolder(string path) : IUpdateGraphs
{
    /// <summary>The largest answer that the public service gives has 2 MB.</summary>
    const long MaxBytes = 64 * 1024 * 1024;

    public Task<UpdateGraph> GetAsync(bool isOkd, string architecture, string channel, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var file = Path.Combine(path, $"{architecture}_{channel}.json");
        if (!File.Exists(file))
            return Task.FromResult(UpdateGraph.Empty);
        if (new FileInfo(file).Length > MaxBytes)
            throw Invalid("is larger than 64 MiB", null);
        try
        {
            return Task.FromResult(UpdateGraphJson.Parse(AtomicFile.Read(file)!.Value.ToArray()));
        }
        catch (FormatException e)
        {
            throw Invalid(e.Message, e);
        }

        ModuleException Invalid(string reason, Exception? cause) =>
            new(
                ErrorCodes.GraphInvalid,
                $"the update graph of channel {channel} for {architecture} in {file} {reason}",
                "record the answer again",
                cause)
            {
                Details = new JObject { ["arch"] = architecture, ["channel"] = channel },
            };
    }
}
