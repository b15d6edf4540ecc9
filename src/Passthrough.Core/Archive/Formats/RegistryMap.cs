using System.Collections.Immutable;
using Passthrough.Core.Oci;

namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// Which registry the repositories of an archive come from, where the archive does not tell: the user's <c>registry_map</c>. A key is a repository
/// as the archive names it, or the beginning of one (whole components; the longest fitting key wins), or <c>*</c> for all others. A value is
/// <c>host[:port]</c>, which is put before the repository, or <c>host[:port]/path</c>, which takes the key's place in it.
/// </summary>
public sealed class RegistryMap
{
    public const string Everything = "*";

    public static readonly RegistryMap None = new(new Dictionary<string, string>());

    readonly ImmutableArray<(string Prefix, string Registry, string Path)> entries;

    /// <exception cref="ModuleException">A key is no repository, or a value no registry.</exception>
    public RegistryMap(IReadOnlyDictionary<string, string> map) =>
        entries = [.. map.Select(pair => Parse(pair.Key, pair.Value)).OrderByDescending(entry => entry.Prefix.Length)];

    /// <summary>The repository upstream, without tag and digest; null where no key fits.</summary>
    public Reference? Find(string repository)
    {
        foreach (var (prefix, registry, path) in entries)
        {
            if (prefix.Length > 0 && repository != prefix && !repository.StartsWith(prefix + "/", StringComparison.Ordinal))
                continue;
            var upstream = path.Length == 0 ? repository : prefix.Length == 0 ? $"{path}/{repository}" : path + repository[prefix.Length..];
            return Reference.TryParse($"{registry}/{upstream}", out var reference, out _) ? reference : null;
        }

        return null;
    }

    static (string Prefix, string Registry, string Path) Parse(string key, string value)
    {
        if (key != Everything && !Reference.IsRepository(key))
            throw new ModuleException(ErrorCodes.InvalidArgument, $"registry_map has the key \"{key}\", which is no repository", "a key is a repository of the archive or its beginning, like openshift/release, or * for all others");
        var slash = value.IndexOf('/', StringComparison.Ordinal);
        var (registry, path) = slash < 0 ? (value, "") : (value[..slash], value[(slash + 1)..].TrimEnd('/'));
        if (!Reference.IsRegistry(registry) || (path.Length > 0 && !Reference.IsRepository(path)))
            throw new ModuleException(ErrorCodes.InvalidArgument, $"registry_map for {key}: \"{value}\" is no registry", "write host[:port], like quay.io, or host[:port]/path, which takes the key's place");
        return (key == Everything ? "" : key, registry, path);
    }
}
