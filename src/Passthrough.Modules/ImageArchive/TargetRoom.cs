using Passthrough.Core;
using Passthrough.Core.Registry;
using Passthrough.Modules.Shared;

namespace Passthrough.Modules.ImageArchive;

/// <summary>What the local registry takes, by what its product tells the account that pushes. Where that account may not know, or something goes wrong, the push itself will tell.</summary>
sealed class TargetRoom(RegistryConnection connection) : ITargetRoom
{
    /// <returns>Null for products that tell nobody: they are not asked.</returns>
    public static TargetRoom? Of(RegistryConnection connection) => connection.Product.AskRoom is null ? null : new TargetRoom(connection);

    public async Task<FreeRoom?> AskAsync(string @namespace, CancellationToken cancellation)
    {
        using var administration = connection.OpenAdmin(connection.Credentials.Find(connection.Endpoint.Authority, @namespace));
        try
        {
            return await connection.Product.AskRoom!(administration, @namespace, cancellation);
        }
        catch (ModuleException)
        {
            return null;
        }
    }

    public ModuleException TooSmall(FreeRoom room, long needed) => new(
        ErrorCodes.DiskFull,
        $"{room.Place} has {Wording.Bytes(room.Bytes)} left of its quota of {Wording.Bytes(room.Limit)}, and {Wording.Bytes(needed)} are to be uploaded there; nothing was sent",
        "raise the quota (mirror_repo with quota), remove from the registry what nobody needs, or load less with only");
}
