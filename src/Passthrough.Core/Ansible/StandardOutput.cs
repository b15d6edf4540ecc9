using System.Runtime.InteropServices;
using System.Text;

namespace Passthrough.Core.Ansible;

/// <summary>
/// File descriptors 1 and 2, written with write(2). Not System.Console: over SSH stdout is a terminal and Console prints escape codes before the JSON.
/// Not FileStream: on a regular file it writes at an offset of its own and loses what others wrote.
/// </summary>
static partial class StandardOutput
{
    const int Out = 1;
    const int Error = 2;
    const int InterruptedSystemCall = 4; // EINTR
    const int TryAgain = 11; // EAGAIN

    /// <summary>Writes all of the text as UTF-8; gives up silently when nobody reads any more.</summary>
    public static void Write(string text) => WriteAll(Out, Encoding.UTF8.GetBytes(text));

    public static void WriteError(string text) => WriteAll(Error, Encoding.UTF8.GetBytes(text));

    public static bool ErrorIsTerminal => IsTerminal(Error) == 1;

    static unsafe void WriteAll(int descriptor, byte[] bytes)
    {
        fixed (byte* start = bytes)
        {
            for (nint done = 0; done < bytes.Length;)
            {
                var written = Write(descriptor, start + done, bytes.Length - done);
                if (written > 0)
                    done += written;
                else if (Marshal.GetLastPInvokeError() == TryAgain)
                    Thread.Sleep(1);
                else if (Marshal.GetLastPInvokeError() != InterruptedSystemCall)
                    return;
            }
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint Write(int descriptor, byte* bytes, nint count);

    [LibraryImport("libc.so.6", EntryPoint = "isatty")]
    private static partial int IsTerminal(int descriptor);
}
