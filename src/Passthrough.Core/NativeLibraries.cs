using System.Runtime.InteropServices;

// The runtime looks for native libraries in the program's own folder first, where another user may have put one: only the system's loader
// decides (docs/security.md, "Programs and libraries").
[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
