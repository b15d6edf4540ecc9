using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;
using Passthrough.Core.Text;
using Passthrough.Testing;

namespace Passthrough.Core.Tests.Registry.Auth;

/// <summary>Every recorded answer of containers/image about auth files.</summary>
public sealed class AuthFileTests
{
    static readonly JObject Golden = (JObject)Json.Parse(Fixtures.ReadText("authfile-golden.json"));

    public static TheoryData<string> Cases => [.. Golden["cases"]!.Select(item => (string)item["id"]!)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void An_entry_is_chosen_as_containers_image_chooses_it(string id)
    {
        var item = Golden["cases"]!.Single(one => (string)one["id"]! == id);
        var content = Encoding.UTF8.GetBytes(item["raw"] is { } raw ? (string)raw! : Json.Compact(item["file"]!));

        foreach (var result in item["results"]!)
        {
            var wanted = (string)result["for"]!;
            // These are no repositories; a reference never has them.
            if (wanted.StartsWith("key:", StringComparison.Ordinal) && result["error"] is not null)
                continue;
            var (authority, repository) = Split(wanted);
            if (result["error"] is not null)
            {
                var fault = Assert.Throws<ModuleException>(() => Find(content, item, authority, repository));
                Assert.Contains(fault.Code, new[] { ErrorCodes.InvalidArgument, ErrorCodes.Unauthorized });
                continue;
            }

            var credential = Find(content, item, authority, repository);
            var what = $"{wanted}: {(string?)result["username"]}";
            Assert.Equal($"{wanted}: {Shown(result)}", $"{wanted}: {Shown(credential)}");
            if (result["entry"] is not null)
                Assert.True(credential is not null, what);
        }
    }

    [Fact]
    public void A_damaged_file_is_named_with_what_is_wrong()
    {
        var fault = Assert.Throws<ModuleException>(() => AuthFile.Parse("/home/bob/auth.json", "[]"u8));
        Assert.Equal("auth file /home/bob/auth.json is not a JSON object", fault.Message);
        fault = Assert.Throws<ModuleException>(() => AuthFile.Parse("/home/bob/auth.json", """{"auths": {"quay.io": {"auth": "!!"}}}"""u8).Find("quay.io", "", CredentialHelper.Ask));
        Assert.Equal("auth file /home/bob/auth.json has an entry quay.io whose auth is not base64 of user:password", fault.Message);
    }

    [Fact]
    public void A_helper_that_is_missing_is_named()
    {
        var fault = Assert.Throws<ModuleException>(() => CredentialHelper.Ask("passthrough-none", "quay.io"));
        Assert.Equal(
            "the credential helper docker-credential-passthrough-none gave no credentials for quay.io: no absolute folder of PATH has it",
            fault.Message);
    }

    static (string Authority, string Repository) Split(string wanted)
    {
        if (wanted.StartsWith("key:", StringComparison.Ordinal))
        {
            var parts = wanted[4..].Split('/', 2);
            return (parts[0], parts.Length > 1 ? parts[1] : "");
        }

        var reference = Reference.Parse(wanted);
        return (reference.Registry, reference.Repository);
    }

    static Credential? Find(byte[] content, JToken item, string authority, string repository) =>
        AuthFile.Parse("auth.json", content, (bool?)item["dockercfg"] ?? false).Find(authority, repository, Helper);

    // What the helpers of the recording answered.
    static Credential? Helper(string name, string registry) => name switch
    {
        "oracle" => new Credential { Username = $"helper-{registry}", Password = "pw" },
        "oracle-none" => null,
        "oracle-token" => new Credential { Token = "tok", IsIdentityToken = true },
        _ => throw new ModuleException(ErrorCodes.Unauthorized, "no such program"),
    };

    static string Shown(JToken result) =>
        (string?)result["username"] is var user && user is null && result["identitytoken"] is null ? "anonymous" : $"{user}{(result["identitytoken"] is { } token ? $" token {token}" : "")}";

    static string Shown(Credential? credential)
    {
        if (credential is null)
            return "anonymous";
        if (credential.IsIdentityToken)
            return $"{credential.Username} token {credential.Token}";
        var password = credential.Password is "pw" ? "" : $" (password \"{credential.Password!.Replace("\n", "\\n", StringComparison.Ordinal)}\")";
        return credential.Username + password;
    }
}
