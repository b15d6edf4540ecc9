using System.ComponentModel;
using System.Diagnostics;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Core.Registry.Auth;

/// <summary>A program that keeps credentials: <c>docker-credential-NAME get</c> with the registry on standard input (docker-credential-helpers).</summary>
static class CredentialHelper
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>A helper's user name for a refresh token.</summary>
    const string TokenUser = "<token>";

    /// <summary>Asks the helper; null where it has nothing for the registry.</summary>
    /// <exception cref="ModuleException">It cannot be run, fails, or answers nonsense.</exception>
    public static Credential? Ask(string name, string registry)
    {
        var program = $"docker-credential-{name}";
        if (name.Contains('/'))
            throw Failed(program, registry, "its name has a slash");
        var (exitCode, output) = Run(program, registry);
        if (exitCode != 0)
            return output.Contains("credentials not found", StringComparison.Ordinal) ? null : throw Failed(program, registry, $"it answered \"{output.Trim()}\"");
        if (Json.TryParseObject(output) is not { } json || json["Secret"] is not JValue { Type: JTokenType.String } secret)
            throw Failed(program, registry, "its answer is no JSON with a Secret");
        var user = json["Username"] is JValue { Type: JTokenType.String } username ? (string)username! : "";
        return user == TokenUser ? new Credential { Token = (string)secret!, IsIdentityToken = true } : new Credential { Username = user, Password = (string)secret! };
    }

    static (int ExitCode, string Output) Run(string program, string registry)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["get"]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            process.StandardInput.Write(registry);
            process.StandardInput.Close();
            if (!process.WaitForExit(Patience))
            {
                process.Kill(entireProcessTree: true);
                throw Failed(program, registry, $"it gave no answer in {Patience.TotalSeconds} s");
            }

            return (process.ExitCode, output.GetAwaiter().GetResult() is { Length: > 0 } text ? text : errors.GetAwaiter().GetResult());
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            throw Failed(program, registry, e is Win32Exception { NativeErrorCode: 2 } ? "the program is not on PATH" : e.Message);
        }
    }

    static ModuleException Failed(string program, string registry, string why) =>
        new(ErrorCodes.Unauthorized, $"the credential helper {program} gave no credentials for {registry}: {why}", "install or unlock it, or remove it from credHelpers of the auth file");
}
