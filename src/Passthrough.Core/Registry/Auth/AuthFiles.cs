using System.Collections.Concurrent;
using Passthrough.Core.Files;

namespace Passthrough.Core.Registry.Auth;

/// <summary>Credentials out of the user's auth files.</summary>
public sealed class AuthFiles : ICredentialSource
{
    readonly IReadOnlyList<AuthFileSearch.Place> places;
    readonly Func<string, string, Credential?> helper;
    readonly Action<string?>? onSecret;
    readonly ConcurrentDictionary<string, Lazy<AuthFile?>> files = new();
    readonly ConcurrentDictionary<string, Credential?> found = new();

    /// <param name="authfile">The one file to read; null for podman's search order.</param>
    /// <param name="onSecret">Told every password and token found, so that they can be masked.</param>
    public AuthFiles(string? authfile, Action<string?>? onSecret = null)
        : this(AuthFileSearch.OfThisProcess().Places(authfile), onSecret, CredentialHelper.Ask)
    {
    }

    internal AuthFiles(IReadOnlyList<AuthFileSearch.Place> places, Action<string?>? onSecret, Func<string, string, Credential?> helper)
    {
        this.places = places;
        this.onSecret = onSecret;
        this.helper = helper;
    }

    public Credential? Find(string authority, string repository) =>
        found.GetOrAdd($"{authority}/{repository}", _ => Search(authority, repository));

    Credential? Search(string authority, string repository)
    {
        foreach (var place in places)
        {
            if (files.GetOrAdd(place.Path, _ => new Lazy<AuthFile?>(() => Read(place))).Value?.Find(authority, repository, helper) is not { } credential)
                continue;
            onSecret?.Invoke(credential.Password);
            onSecret?.Invoke(credential.Token);
            return credential;
        }

        return null;
    }

    static AuthFile? Read(AuthFileSearch.Place place)
    {
        try
        {
            return AuthFile.Parse(place.Path, InputFile.ReadAllBytes(place.Path), place.IsFlat);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return place.MustExist
                ? throw new ModuleException(ErrorCodes.File, $"auth file {place.Path} does not exist", "correct authfile (or REGISTRY_AUTH_FILE); the file must be on the host that runs the module", e)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleException(ErrorCodes.File, $"auth file {place.Path} cannot be read: {(e is UnauthorizedAccessException ? "permission denied, or it is a folder" : e.Message)}", "let the user that runs the module read it", e);
        }
    }
}
