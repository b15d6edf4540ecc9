using Passthrough.Core.Files;

namespace Passthrough.Core.Registry.Auth;

/// <summary>Which files of credentials are read, and in which order: podman's rules (mirror-policies.md 9.2).</summary>
/// <param name="environment">Reads an environment variable; null where it is not set.</param>
/// <param name="userId">The number of the user that runs this.</param>
sealed class AuthFileSearch(Func<string, string?> environment, string userId)
{
    /// <summary>One place to look at.</summary>
    /// <param name="MustExist">The user named it: that it is missing is a mistake.</param>
    public sealed record Place(string Path, bool IsFlat = false, bool MustExist = false);

    public static AuthFileSearch OfThisProcess() => new(Environment.GetEnvironmentVariable, ProcessUserId());

    /// <summary>The places in order; the first credential found wins.</summary>
    /// <param name="explicitFile">The parameter <c>authfile</c>; then nothing else is looked at.</param>
    public IReadOnlyList<Place> Places(string? explicitFile)
    {
        if (explicitFile is not null)
            return [new Place(explicitFile, MustExist: true)];
        if (Variable("REGISTRY_AUTH_FILE") is { } named)
            return [new Place(named, MustExist: true)];
        // Whoever sets DOCKER_CONFIG means that file alone.
        return Variable("DOCKER_CONFIG") is { } docker ? [new Place(Path.Combine(docker, "config.json"))] : Defaults();
    }

    /// <summary>What containers/image itself looks at.</summary>
    public IReadOnlyList<Place> Defaults()
    {
        var places = new List<Place> { new(Path.Combine(Variable("XDG_RUNTIME_DIR") is { } runtime ? Path.Combine(runtime, "containers") : $"/run/containers/{userId}", "auth.json")) };
        var home = Variable("HOME");
        if ((Variable("XDG_CONFIG_HOME") ?? (home is null ? null : Path.Combine(home, ".config"))) is { } config)
            places.Add(new(Path.Combine(config, "containers", "auth.json")));
        if ((Variable("DOCKER_CONFIG") ?? (home is null ? null : Path.Combine(home, ".docker"))) is { } docker)
            places.Add(new(Path.Combine(docker, "config.json")));
        if (home is not null)
            places.Add(new(Path.Combine(home, ".dockercfg"), IsFlat: true));
        return places;
    }

    string? Variable(string name) => environment(name) is { Length: > 0 } value ? value : null;

    // The effective user stands third in the line "Uid:  real  effective  saved  file system" (proc(5)).
    static string ProcessUserId()
    {
        var line = InputFile.ReadAllLines("/proc/self/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal));
        return line.Split('\t', StringSplitOptions.RemoveEmptyEntries)[2];
    }
}
