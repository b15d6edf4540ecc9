namespace Passthrough.Core.Mirroring;

/// <summary>
/// The file for <c>/etc/containers/registries.conf.d</c> of a host with podman, skopeo, CRI-O or MicroShift (mirror-policies.md 8.4). It has registries only:
/// anything global would replace what the host has. Tags and digests are both redirected.
/// </summary>
public static class RegistriesConfDropIn
{
    const string Header = "# Made by icsp_render. Its place is /etc/containers/registries.conf.d/.\n\n";

    /// <param name="isInsecure">Whether a mirror is asked without TLS, or without looking at its certificate.</param>
    public static string Render(IEnumerable<MirrorSource> sources, Func<string, bool> isInsecure) => Header + new RegistriesConf
    {
        Registries =
        [
            .. sources.Select(source => new RegistryEntry
            {
                Prefix = source.Source,
                Location = MirrorName.IsWildcard(source.Source) ? "" : source.Source,
                Blocked = source.Policy == MirrorSourcePolicy.NeverContactSource,
                Mirrors = [.. source.Mirrors.Select(mirror => new RegistryMirror(mirror) { Insecure = isInsecure(mirror) })],
            }),
        ],
    }.Render();
}
