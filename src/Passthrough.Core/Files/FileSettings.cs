using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Files;

/// <summary>Who may do what with a file that we write. Null leaves what an existing file has; a new one gets the process's own.</summary>
/// <param name="Mode">Permission bits, for example 0600 as <c>UnixFileMode.UserRead | UnixFileMode.UserWrite</c>.</param>
/// <param name="Owner">User name or number.</param>
/// <param name="Group">Group name or number.</param>
public sealed record FileSettings(UnixFileMode? Mode = null, string? Owner = null, string? Group = null)
{
    /// <summary>Whether missing folders above the file are made; otherwise they are an error.</summary>
    public bool MakeFolder { get; init; }

    /// <summary>
    /// Whether the content is a secret: an existing file of another user is refused, unless <see cref="Owner"/> or <see cref="Reader"/>
    /// names that user.
    /// </summary>
    public bool IsSecret { get; init; }

    /// <summary>Name or number of a user whose existing file may hold the secret and stays theirs.</summary>
    public string? Reader { get; init; }

    /// <summary>For the owner's eyes only: files that hold secrets (0600).</summary>
    public const UnixFileMode Secret = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Readable by everybody (0644).</summary>
    public const UnixFileMode Readable = Secret | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>Executable by everybody (0755).</summary>
    public const UnixFileMode Executable = Readable | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>Reads Ansible's <c>mode</c>: octal digits as text (<c>"0644"</c>), or the number that YAML makes of unquoted ones (0644 arrives as 420).</summary>
    /// <exception cref="ModuleException">Neither.</exception>
    public static UnixFileMode ParseMode(JToken value)
    {
        const long All = 0xFFF; // 07777
        var text = (value is JValue ? (string?)value : Json.Compact(value)) ?? "";
        var digits = text.StartsWith("0o", StringComparison.Ordinal) ? text[2..] : text;
        long? mode = value.Type == JTokenType.Integer ? (long)value
            : digits.Length is > 0 and < 7 && digits.All(digit => digit is >= '0' and <= '7') ? Convert.ToInt64(digits, 8)
            : null;
        return mode is >= 0 and <= All
            ? (UnixFileMode)mode
            : throw new ModuleException(ErrorCodes.InvalidArgument, $"mode \"{text}\" is no octal number between 0 and 7777", "write it with quotes, like \"0600\"");
    }
}
