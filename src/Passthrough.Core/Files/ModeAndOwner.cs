using Microsoft.Win32.SafeHandles;

namespace Passthrough.Core.Files;

/// <summary>Mode and owner of a file, as numbers.</summary>
sealed record ModeAndOwner(UnixFileMode Mode, uint Uid, uint Gid)
{
    /// <summary>What a new file of this process gets (0644).</summary>
    public static ModeAndOwner OfNew { get; } = new(FileSettings.Readable, PosixFile.ProcessUser, PosixFile.ProcessGroup);

    public static ModeAndOwner Of(FileStatus status) => new(status.Mode, status.Uid, status.Gid);

    /// <summary>What the file is to have: what was asked for, else what it has, else what a new file of this process gets.</summary>
    /// <exception cref="ModuleException">It would put a secret into another user's file.</exception>
    public static ModeAndOwner Wanted(string path, FileStatus? existing, FileSettings settings)
    {
        var own = existing is { } status ? Of(status) : OfNew;
        var owner = settings.Owner is null ? own.Uid : PosixFile.UserNumber(settings.Owner);
        var isNamed = settings.Owner is not null || (settings.Reader is { } reader && PosixFile.UserNumber(reader) == owner);
        if (settings.IsSecret && !isNamed && owner != PosixFile.ProcessUser)
            throw ForeignSecret(path, PosixFile.UserName(owner));
        return new ModeAndOwner(settings.Mode ?? own.Mode, owner, settings.Group is null ? own.Gid : PosixFile.GroupNumber(settings.Group));
    }

    /// <summary>Refuses, before anything is written, what the system would: only root gives files away.</summary>
    public void RequireMaySet(string path)
    {
        if (PosixFile.ProcessUser != 0 && Uid != PosixFile.ProcessUser)
            throw new ModuleException(ErrorCodes.File, $"{path} cannot be written so that it belongs to user {Uid}: only root gives files away, and this runs as user {PosixFile.ProcessUser}", "run it with become, or name another file");
    }

    public void Set(SafeFileHandle file, string path)
    {
        if (PosixFile.StatusOf(file) is var status && (status.Uid, status.Gid) != (Uid, Gid))
            PosixFile.SetOwner(file, Uid, Gid, path);
        // After the owner: chown(2) clears set-user-id bits.
        PosixFile.SetMode(file, Mode, path);
    }

    static ModuleException ForeignSecret(string path, string user) => new(
        ErrorCodes.File,
        $"{path} belongs to user {user}, who could read the secret that is to be written to it",
        $"set owner to {user} if that is intended; otherwise remove the file, or name another one");
}
