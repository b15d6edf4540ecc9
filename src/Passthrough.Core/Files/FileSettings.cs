namespace Passthrough.Core.Files;

/// <summary>Who may do what with a file that we write. Null leaves what an existing file has; a new one gets the process's own.</summary>
/// <param name="Mode">Permission bits, for example 0600 as <c>UnixFileMode.UserRead | UnixFileMode.UserWrite</c>.</param>
/// <param name="Owner">User name or number.</param>
/// <param name="Group">Group name or number.</param>
public sealed record FileSettings(UnixFileMode? Mode = null, string? Owner = null, string? Group = null);
