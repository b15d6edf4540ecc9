using Passthrough.Core.Ansible;
using Passthrough.Modules.IcspRender;
using Passthrough.Modules.ImageArchive;
using Passthrough.Modules.MirrorRepo;
using Passthrough.Modules.RegistryAuth;

namespace Passthrough.Modules;

/// <summary>Every module of the program: one line each. Names of executables, documentation checks and dispatch come from here.</summary>
public static class ModuleTable
{
    public static IReadOnlyDictionary<string, Func<IAnsibleModule>> Modules { get; } = new Dictionary<string, Func<IAnsibleModule>>(StringComparer.Ordinal)
    {
        ["icsp_render"] = () => new IcspRenderModule(),
        ["image_archive"] = () => new ImageArchiveModule(),
        ["mirror_repo"] = () => new MirrorRepoModule(),
        ["registry_auth"] = () => new RegistryAuthModule(),
    };
}
