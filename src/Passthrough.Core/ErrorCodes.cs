namespace Passthrough.Core;

/// <summary>The codes of <c>error.code</c> in a failed result that are ours; a registry's own codes are passed through verbatim beside them.</summary>
public static class ErrorCodes
{
    /// <summary>A parameter, or the content of a file that the user gave, is wrong.</summary>
    public const string InvalidArgument = "INVALID_ARGUMENT";

    /// <summary>The host name of a registry does not resolve.</summary>
    public const string NameResolution = "NAME_RESOLUTION";

    /// <summary>Nobody answers at the address, or the connection broke more often than retries allow.</summary>
    public const string Connection = "CONNECTION";

    /// <summary>The server's certificate is not trusted, expired, or of another host; or TLS failed otherwise.</summary>
    public const string Tls = "TLS";

    /// <summary>No answer, or no progress, within the time allowed.</summary>
    public const string Timeout = "TIMEOUT";

    /// <summary>The server answered what no registry answers (a proxy's page, a portal, broken JSON).</summary>
    public const string NotARegistry = "NOT_A_REGISTRY";

    /// <summary>The registry, or a proxy before it, answered with a fault and gave it no code of its own.</summary>
    public const string Server = "SERVER";

    /// <summary>Credentials are missing, wrong, or lack a right.</summary>
    public const string Unauthorized = "UNAUTHORIZED";

    /// <summary>What was asked for is not there.</summary>
    public const string NotFound = "NOT_FOUND";

    /// <summary>An archive is damaged, incomplete, or not an archive.</summary>
    public const string ArchiveCorrupt = "ARCHIVE_CORRUPT";

    /// <summary>Bytes do not have the digest that names them.</summary>
    public const string DigestMismatch = "DIGEST_MISMATCH";

    /// <summary>Two sources claim one target name.</summary>
    public const string Collision = "COLLISION";

    /// <summary>An archive would be replaced by one that lacks some of its images.</summary>
    public const string WouldLoseImages = "WOULD_LOSE_IMAGES";

    /// <summary>A file cannot be read or written.</summary>
    public const string File = "FILE";

    /// <summary>The disk has not enough free space, or the quota of a registry not enough room.</summary>
    public const string DiskFull = "DISK_FULL";

    /// <summary>The product cannot do what was asked.</summary>
    public const string Unsupported = "UNSUPPORTED";

    /// <summary>What was to be proved was not.</summary>
    public const string NotProved = "NOT_PROVED";

    /// <summary>The target host lacks something the module needs (OpenSSL, an executable temporary folder).</summary>
    public const string Host = "HOST";

    /// <summary>The run was stopped by a signal.</summary>
    public const string Cancelled = "CANCELLED";

    /// <summary>An update graph cannot be had: no service answers, or its status is not 200.</summary>
    public const string GraphUnavailable = "GRAPH_UNAVAILABLE";

    /// <summary>The answer of an update service is not a graph, or contradicts itself.</summary>
    public const string GraphInvalid = "GRAPH_INVALID";

    /// <summary>A channel has no release, or does not exist.</summary>
    public const string ChannelEmpty = "CHANNEL_EMPTY";

    /// <summary>No version lies between the bounds.</summary>
    public const string RangeEmpty = "RANGE_EMPTY";

    /// <summary>A version is not one of its channel.</summary>
    public const string VersionNotInChannel = "VERSION_NOT_IN_CHANNEL";

    /// <summary>A text is not a version.</summary>
    public const string VersionInvalid = "VERSION_INVALID";

    /// <summary>The lower bound is higher than the upper one.</summary>
    public const string MinAboveMax = "MIN_ABOVE_MAX";

    /// <summary>No updates lead from one release to the other.</summary>
    public const string Unreachable = "UNREACHABLE";

    /// <summary>A defect of this module.</summary>
    public const string Internal = "INTERNAL";
}
