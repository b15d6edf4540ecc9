namespace Passthrough.Core.Files;

/// <summary>Says in a sentence why a file could not be read or written.</summary>
static class FileFault
{
    const int NoSpaceLeft = 28; // ENOSPC
    const int QuotaExceeded = 122; // EDQUOT
    const int ReadOnlyFileSystem = 30; // EROFS
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
        catch (IOException e)
        {
            throw (e.HResult & 0xFFFF) switch
            {
                NoSpaceLeft => new ModuleException(ErrorCodes.DiskFull, $"{path} cannot be {verb}: no space is left on its disk", "free some and run it again; nothing was replaced", e),
                QuotaExceeded => new ModuleException(ErrorCodes.DiskFull, $"{path} cannot be {verb}: the disk quota is used up", "free some and run it again; nothing was replaced", e),
                ReadOnlyFileSystem => new ModuleException(ErrorCodes.File, $"{path} cannot be {verb}: its file system is read-only", "name another folder", e),
                TooManyLinks => new ModuleException(ErrorCodes.File, $"{path} cannot be {verb}: its symbolic links lead in a circle", "remove the links", e),
                _ => new ModuleException(ErrorCodes.File, $"{path} cannot be {verb}: {e.Message}", inner: e),
            };
        }
    }

    public static ModuleException Denied(string path, string verb, Exception? inner) =>
        new(ErrorCodes.File, $"{path} cannot be {verb}: permission denied", "run it as a user who may do that, or with become", inner);
}
