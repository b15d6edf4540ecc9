using System.Globalization;
using Passthrough.Core;
using Passthrough.Core.Files;

namespace Passthrough.Modules.ImageArchive;

/// <summary>
/// Another run that holds the archive, mostly a background job of a playbook that was interrupted. Which process it is and what it writes
/// its log to is read
/// from <c>/proc</c> (proc_pid_fd(5)), which shows the processes of the same user, and all of them to root.
/// </summary>
static class OtherProcess
{
    const int WouldBlock = 11; // EAGAIN, the low half of IOException.HResult: the lock is taken
    const int Append = 0x400; // O_APPEND

    /// <summary>Whether a fault means that another process holds a file.</summary>
    public static bool Holds(Exception fault) =>
        (fault as IOException ?? fault.InnerException as IOException) is { } cause && (cause.HResult & 0xFFFF) == WouldBlock;

    /// <summary>What the user is told then.</summary>
    public static ModuleException Explain(Exception fault, string archive)
    {
        var path = Path.GetFullPath(archive);
        if (Find(path) is not { } process)
            return new ModuleException(ErrorCodes.File, $"{archive} is being written by another process, which this user cannot see",
                $"wait for its end, or find it as root with: fuser -v {path}.partial", fault);
        var follow = FindLog(process, path) is { } log ? $"follow it with: tail -f {log}"
            : $"wait for its end with: tail --pid={process} -f /dev/null";
        return new ModuleException(ErrorCodes.File, $"{archive} is being written by process {process} ({NameOf(process)})",
            $"{follow}; stop it with: kill {process}, then run this again, which goes on where it was", fault);
    }

    static string? Find(string path)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0])))
        {
            var process = Path.GetFileName(folder);
            if (process != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
                && OpenFiles(process).Any(file => file.Target.StartsWith(path, StringComparison.Ordinal)))
                return process;
        }

        return null;
    }

    // The log is the one file that such a run only adds to, its journal apart.
    static string? FindLog(string process, string path)
    {
        try
        {
            return OpenFiles(process).Where(file => !file.Target.StartsWith(path, StringComparison.Ordinal) && file.Target.StartsWith('/')
                && Appends(process, file.Name))
                .Select(file => file.Target).FirstOrDefault();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    static bool Appends(string process, string file) =>
        InputFile.ReadAllLines($"/proc/{process}/fdinfo/{file}")
            .FirstOrDefault(line => line.StartsWith("flags:", StringComparison.Ordinal)) is { } flags
        && (Convert.ToInt32(flags["flags:".Length..].Trim(), fromBase: 8) & Append) != 0;

    static string NameOf(string process)
    {
        try
        {
            return InputFile.ReadAllText($"/proc/{process}/comm").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "it ended meanwhile";
        }
    }

    static List<(string Name, string Target)> OpenFiles(string process)
    {
        var files = new List<(string, string)>();
        try
        {
            foreach (var file in Directory.EnumerateFileSystemEntries($"/proc/{process}/fd"))
            {
                if (new FileInfo(file).LinkTarget is { } target)
                    files.Add((Path.GetFileName(file), target));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It belongs to another user, or ended meanwhile.
        }

        return files;
    }
}
