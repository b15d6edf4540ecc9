namespace Passthrough.Core.Files;

/// <summary>Mode and owner of a file, as numbers.</summary>
sealed record ModeAndOwner(UnixFileMode Mode, uint Uid, uint Gid)
{
    public static ModeAndOwner Of(string path)
    {
        var (uid, gid) = PosixFile.OwnerOf(path);
        return new ModeAndOwner(File.GetUnixFileMode(path), uid, gid);
    }

    /// <summary>What the file is to have: what was asked for, else what it has, else what a new file of this process gets.</summary>
    public static ModeAndOwner Wanted(string path, bool exists, FileSettings settings)
    {
        var own = exists ? Of(path) : new ModeAndOwner(FileSettings.Readable, PosixFile.ProcessUser, PosixFile.ProcessGroup);
        return new ModeAndOwner(
            settings.Mode ?? own.Mode,
            settings.Owner is null ? own.Uid : PosixFile.UserNumber(settings.Owner),
            settings.Group is null ? own.Gid : PosixFile.GroupNumber(settings.Group));
    }

    /// <summary>Refuses, before anything is written, what the system would: only root gives files away.</summary>
    public void RequireMaySet(string path)
    {
        if (PosixFile.ProcessUser != 0 && Uid != PosixFile.ProcessUser)
            throw new ModuleException(ErrorCodes.File, $"{path} cannot be written so that it belongs to user {Uid}: only root gives files away, and this runs as user {PosixFile.ProcessUser}", "run it with become, or name another file");
    }

    public void Set(string path)
    {
        if (PosixFile.OwnerOf(path) != (Uid, Gid))
            PosixFile.SetOwner(path, Uid, Gid);
        // After the owner: chown(2) clears set-user-id bits.
        File.SetUnixFileMode(path, Mode);
    }
}
