using System.Runtime.InteropServices;

namespace Passthrough.Testing;

/// <summary>Gives files to other users, as only root can, for tests of what such users may do.</summary>
public static class Owners
{
    /// <summary>A user with no name and no rights on any host.</summary>
    public const uint Stranger = 54321;

    /// <returns>The path.</returns>
    public static string GiveTo(string path, uint user = Stranger) =>
        ChangeOwner(path, user, user) == 0
            ? path
            : throw new InvalidOperationException($"{path} cannot be given to {user}: {Marshal.GetLastPInvokeErrorMessage()}");

    [DllImport("libc.so.6", EntryPoint = "lchown", SetLastError = true)]
    static extern int ChangeOwner([MarshalAs(UnmanagedType.LPUTF8Str)] string path, uint user, uint group);
}
