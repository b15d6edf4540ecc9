using System.Diagnostics;
using System.Globalization;

namespace Passthrough.Testing.Processes;

/// <summary>Processes that this one started, directly or not, as <c>/proc</c> shows them.</summary>
public static class Descendants
{
    /// <summary>The kernel keeps the first 15 characters of a program's name (proc(5), comm).</summary>
    const int NameLength = 15;

    /// <summary>Kills those of a name at once, as <c>kill -9</c> does.</summary>
    /// <param name="program">The file name of the executable.</param>
    /// <param name="ancestor">Only those that this process started, directly or not; the own one by default.</param>
    /// <param name="title">Only those with such a command line.</param>
    /// <returns>How many there were.</returns>
    public static int Kill(string program, int? ancestor = null, Predicate<string>? title = null)
    {
        var name = program[..Math.Min(program.Length, NameLength)];
        var found = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).OfType<string>().Where(id => id.All(char.IsAsciiDigit) && Read(id, "comm").Trim() == name
            && IsBelow(id, ancestor ?? Environment.ProcessId) && (title is null || title(Read(id, "cmdline").Replace('\0', ' ')))).ToList();
        foreach (var id in found)
        {
            try
            {
                using var process = Process.GetProcessById(int.Parse(id, CultureInfo.InvariantCulture));
                process.Kill();
            }
            catch (ArgumentException)
            {
                // It ended meanwhile.
            }
        }

        return found.Count;
    }

    static bool IsBelow(string id, int ancestor)
    {
        var own = ancestor.ToString(CultureInfo.InvariantCulture);
        while (id is not ("" or "0") && id != own)
            id = Read(id, "status").Split('\n').FirstOrDefault(line => line.StartsWith("PPid:", StringComparison.Ordinal))?["PPid:".Length..].Trim() ?? "";
        return id == own;
    }

    static string Read(string id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (IOException)
        {
            return ""; // It ended meanwhile.
        }
    }
}
