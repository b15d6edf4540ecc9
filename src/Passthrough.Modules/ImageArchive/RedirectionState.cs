using Passthrough.Core;
using Passthrough.Core.Ansible;
using Passthrough.Core.Mirroring;
using Passthrough.Core.Oci;
using Passthrough.Core.Validation;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.ImageArchive;

/// <summary><c>state=verified verify=redirection</c>: what was delivered is read by its upstream names, as the cluster's nodes will. Writes nothing; fails where it proves nothing.</summary>
static class RedirectionState
{
    /// <summary>How <c>registry_auth</c> calls the auth file of the account that the cluster pulls with.</summary>
    const string ClusterAuthFile = "-pull-docker-config.json";

    public static async Task<ModuleResult> RunAsync(ArchiveRun run, CancellationToken cancellation)
    {
        var arguments = run.Context.Arguments;
        var connection = run.Connect();
        run.Context.Progress.Phase = "reading images by their upstream names";
        var authfile = connection.HasOwnCredential ? null : arguments.Text("authfile");
        var report = await RedirectionProof.RunAsync(new ProofRequest
        {
            RegistriesConf = arguments.RequiredText("registries_conf"),
            Endpoint = connection.Endpoint,
            Options = connection.Options,
            Credentials = connection.Credentials,
            AuthFile = authfile,
            IsClusterAccount = authfile?.EndsWith(ClusterAuthFile, StringComparison.Ordinal) == true,
            Images = [.. Delivered(run, connection), .. Named(run)],
            Deep = arguments.Flag("deep"),
            Progress = run.Context.Progress,
        }, cancellation);
        return new ModuleResult
        {
            Changed = false,
            Message = $"{report.Message}, {Wording.Duration(run.Elapsed)}",
            Data = new()
            {
                ["verified"] = new Newtonsoft.Json.Linq.JArray("redirection"),
                ["validation"] = report.ToJson(),
                ["duration_s"] = ResultParts.Seconds(run.Elapsed),
            },
            Failure = report.Passed ? null : new ModuleException(ErrorCodes.NotProved, report.Message, report.Hint),
        };
    }

    static IEnumerable<ProofImage> Delivered(ArchiveRun run, RegistryConnection connection) => run.RecordPath is not { } path ? [] :
        run.Choose(DeliveredImages.Of(connection.Endpoint.Authority, path))
            .Select(image => new ProofImage(image.Source) { Digest = image.Digest, Target = image.Target, Platforms = [.. image.Platforms.Select(Platform.Parse)] });

    static IEnumerable<ProofImage> Named(ArchiveRun run) =>
        run.HasRequests ? run.Requests().Select(request => new ProofImage(request.Image) { Platforms = request.Platforms }) : [];
}
