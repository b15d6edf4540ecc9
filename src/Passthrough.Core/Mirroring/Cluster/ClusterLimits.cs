namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>How much a cluster takes: etcd's requests and the Machine Config Operator's MachineConfigs (its constants.go) end at 1.5 MiB.</summary>
public static class ClusterLimits
{
    const int MaxSize = 1_572_864;

    /// <summary>What the API server and the operator put beside our bytes.</summary>
    const int Spare = 64 * 1024;

    /// <param name="objectSize">Bytes of the largest object.</param>
    /// <param name="nodes">What the operator makes of the objects.</param>
    /// <exception cref="ModuleException">The API server would refuse the object, or the operator could not write the nodes' file, of which no status tells.</exception>
    public static void RequireRoom(int objectSize, NodeFiles nodes)
    {
        // The file travels as base64 in the MachineConfig.
        var fileSize = (nodes.RegistriesConf?.Render().Length ?? 0) * 4 / 3;
        if (Math.Max(objectSize, fileSize) > MaxSize - Spare)
            throw new ModuleException(
                ErrorCodes.InvalidArgument,
                $"the largest object would have {objectSize} bytes, and the nodes' registries.conf that is made of them {fileSize} in base64; a cluster takes {MaxSize - Spare} of either",
                "redirect whole registries in place of single repositories");
    }
}
