using System.Net.Sockets;
using System.Reflection;
using System.Security.Authentication;
using Newtonsoft.Json;

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
        TypeInitializationException or TargetInvocationException when fault.InnerException is { } inner => Describe(inner, cancelled),
        IOException when (fault.HResult & 0xFFFF) == NoSpaceLeft => new(ErrorCodes.DiskFull, $"the disk is full: {fault.Message}", "free space and run it again", fault),
        UnauthorizedAccessException or FileNotFoundException or DirectoryNotFoundException => new(ErrorCodes.File, fault.Message, "check the path and its permissions", fault),
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } or SocketException { SocketErrorCode: SocketError.HostNotFound } =>
            new(ErrorCodes.NameResolution, $"a host name does not resolve: {fault.Message}", "look at its spelling and at the DNS of this host", fault),
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } or AuthenticationException =>
            new(ErrorCodes.Tls, $"TLS failed: {(fault.InnerException ?? fault).Message}", "give the certificate of the server's CA in ca_path (registry_ca_path in the playbooks)", fault),
        HttpRequestException or SocketException => new(ErrorCodes.Connection, $"the connection failed: {fault.Message}", null, fault),
        JsonException => new(ErrorCodes.InvalidArgument, $"text that should be JSON is not: {fault.Message}", inner: fault),
        IOException => new(ErrorCodes.File, fault.Message, null, fault),
        _ => new(ErrorCodes.Internal, $"a defect of this module: {fault.GetType().Name}: {fault.Message}", "please report it with the output of -vvv", fault),
    };
}
