using System.Net.Sockets;

namespace Passthrough.Core.Ansible;

/// <summary>
/// The last net under a module: what escaped without being made a <see cref="ModuleException"/> where it happened. What a user can meet becomes a sentence,
/// the rest is a defect and keeps its stack.
/// </summary>
static class Faults
{
    const int NoSpaceLeft = 28; // ENOSPC, the low half of IOException.HResult

    public static ModuleException Describe(Exception fault, bool cancelled) => fault switch
    {
        ModuleException described => described,
        OperationCanceledException when cancelled => new(ErrorCodes.Cancelled, "stopped by a signal; what was delivered stays", "run it again to finish", fault),
        OperationCanceledException or TimeoutException => new(ErrorCodes.Timeout, "no answer within the time allowed", "raise timeout, or look at the network", fault),
        AggregateException { InnerExceptions: [var only] } => Describe(only, cancelled),
        IOException when (fault.HResult & 0xFFFF) == NoSpaceLeft => new(ErrorCodes.DiskFull, $"the disk is full: {fault.Message}", "free space and run it again", fault),
        UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException => new(ErrorCodes.File, fault.Message, "check the path and its permissions", fault),
        HttpRequestException or SocketException => new(ErrorCodes.Connection, $"the connection failed: {fault.Message}", null, fault),
        IOException => new(ErrorCodes.File, fault.Message, null, fault),
        _ => new(ErrorCodes.Internal, $"a defect of this module: {fault.GetType().Name}: {fault.Message}", "please report it with the output of -vvv", fault),
    };
}
