namespace Passthrough.Core.Files;

/// <summary>Says in a sentence why a file could not be read or written.</summary>
static class FileFault
{
    const int NoSpaceLeft = 28; // ENOSPC
    const int QuotaExceeded = 122; // EDQUOT
    const int ReadOnlyFileSystem = 30; // EROFS
    const int FileTooLarge = 27; // EFBIG
    const int NameTooLong = 36; // ENAMETOOLONG

    // What .NET makes of ENOSPC and EFBIG when it reserves space, and of ENAMETOOLONG: codes of Windows.
    const int DiskFull = 112;
    const int FileTooLargeOfNet = 223;
    const int NameTooLongOfNet = 206;
    const int TooManyLinks = 40; // ELOOP

    public static T Explain<T>(string path, Func<T> work, string verb = "written")
    {
        try
        {
            return work();
        }
        catch (UnauthorizedAccessException e)
        {
            throw Denied(path, verb, e);
        }
        catch (FileRefusedException e)
        {
            throw new ModuleException(ErrorCodes.File, $"{path} cannot be {verb}: {e.Message}", e.Hint, e);
        }
        catch (Exception e) when (IsOfSystem(e))
        {
            var (code, reason, hint) = Describe(e);
            throw new ModuleException(code, $"{path} cannot be {verb}: {reason}", hint, e);
        }
    }

    /// <summary>Whether the system refused to read or write. .NET has an exception of its own for a file that becomes too large.</summary>
    public static bool IsOfSystem(Exception e) => e is IOException or ArgumentOutOfRangeException { ParamName: "value" };

    /// <summary>The error code, the reason as a part of a sentence, and what to do about it.</summary>
    public static (string Code, string Reason, string? Hint) Describe(Exception e) =>
        e is ArgumentOutOfRangeException ? TooLarge : (e.HResult & 0xFFFF) switch
        {
            NoSpaceLeft or DiskFull =>
                (ErrorCodes.DiskFull, "no space is left on its disk", "free some and run it again; nothing was replaced"),
            QuotaExceeded => (ErrorCodes.DiskFull, "the disk quota is used up", "free some and run it again; nothing was replaced"),
            FileTooLarge or FileTooLargeOfNet => TooLarge,
            ReadOnlyFileSystem => (ErrorCodes.File, "its file system is read-only", "name another folder"),
            TooManyLinks => (ErrorCodes.File, "its symbolic links lead in a circle", "remove the links"),
            NameTooLong or NameTooLongOfNet => (ErrorCodes.File, "its name is too long for the file system", "choose a shorter name"),
            _ => (ErrorCodes.File, e.Message, null),
        };

    static (string Code, string Reason, string? Hint) TooLarge =>
        (ErrorCodes.File, "its file system, or the limit of the process (ulimit -f), takes no file that large", "choose another file "
            + "system, or raise the limit");

    public static ModuleException Denied(string path, string verb, Exception? inner) =>
        new(ErrorCodes.File, $"{path} cannot be {verb}: permission denied", "run it as a user who may do that, or with become", inner);
}
