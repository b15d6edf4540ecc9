using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using Newtonsoft.Json.Linq;
using Passthrough.Testing.Registries.Artifactory;
using Passthrough.Testing.Registries.Harbor;
using Passthrough.Testing.Registries.MirrorRegistryGo;
using Passthrough.Testing.Registries.Quay;
using Xunit;

namespace Passthrough.Testing.Registries;

/// <summary>A registry product with TLS, empty, and the variables of the guide for it.</summary>
public sealed record ProductStage(string Type, string Name, Pki Pki, IAsyncDisposable Server) : IAsyncDisposable
{
    /// <summary>Where it listens on 127.0.0.1.</summary>
    public int Port => int.Parse(Name.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What a user sets beside type and address.</summary>
    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    /// <summary>The administrator's secret, with its user.</summary>
    public required (string User, string Secret) Manager { get; init; }

    /// <summary>The requests that asked it to change something: a session's login changes nothing.</summary>
    public required Func<Task<IReadOnlyList<string>>> Writes { get; init; }

    /// <summary>Whether it can tell one account from another: what pushes may do so in its namespace only, what pulls may not push.</summary>
    public bool TellsAccountsApart { get; init; } = true;

    /// <summary>All, by the names that the documentation has for them.</summary>
    public static TheoryData<string> Products => ["mirror-registry", "mirror-registry (Go)", "Quay", "Harbor", "Artifactory", "distribution"];

    /// <summary>Those that have service accounts.</summary>
    public static TheoryData<string> ProductsWithAccounts => ["mirror-registry", "Quay", "Harbor", "Artifactory"];

    /// <summary>The service accounts that are there now, one for each secret of each.</summary>
    public IReadOnlyList<string> Accounts => Server switch
    {
        QuayFake quay => quay.Robots,
        HarborServer harbor => [.. harbor.State.Robots.Select(robot => robot.Name)],
        ArtifactoryServer artifactory => [.. artifactory.StoredTokens.Select(token => token.User).Where(user => user != Manager.User)],
        _ => [],
    };

    /// <summary>What a task of ours gives a module as whoever manages.</summary>
    public Dictionary<string, object?> Parameters(params (string Name, object? Value)[] more)
    {
        var parameters = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["registry_type"] = Type,
            ["registry_host"] = Name.Split(':')[0],
            ["registry_port"] = Port,
            ["ca_path"] = Pki.CaFile,
            ["retries"] = 0,
        };
        if (Type == "jfrog")
            parameters["token"] = Manager.Secret;
        else
            (parameters["username"], parameters["password"]) = (Manager.User, Manager.Secret);
        foreach (var (name, value) in more)
            parameters[name] = value;
        return parameters;
    }

    /// <summary>Steps in when it has made a secret, before anybody is told: the answer is lost then. Null stops that.</summary>
    public void WhenMinted(Func<Task>? act)
    {
        switch (Server)
        {
            case QuayFake quay:
                quay.Done = act is null ? null : (call, answer) => IsMint(call.Method, call.RawPath) && answer.Status < 300 ? act() : Task.CompletedTask;
                break;
            case HarborServer harbor:
                harbor.Web.Around = act is null ? null : LoseAsync;
                break;
            case ArtifactoryServer artifactory:
                artifactory.Web.Around = act is null ? null : LoseAsync;
                break;
        }

        async Task LoseAsync(HttpContext context, Func<Task> answer)
        {
            if (!IsMint(context.Request.Method, context.Request.Path))
            {
                await answer();
                return;
            }

            context.Response.Body = Stream.Null;
            await answer();
            await act();
            context.Abort();
        }
    }

    static bool IsMint(string method, string path) => (method, path.Split('/')) switch
    {
        ("PUT", [.., "robots", _]) or ("POST", [.., "regenerate"]) => true,
        ("POST", [.., "robots"]) or ("PATCH", [.., "robots", _]) => true,
        ("POST", [.., "tokens"]) => true,
        _ => false,
    };

    /// <summary>All that setup needs to be told.</summary>
    /// <param name="output">Where its files go.</param>
    public JObject SetupVariables(string output) => new(Variables.Select(pair => new JProperty(pair.Key, pair.Value)))
    {
        ["registry_type"] = Type,
        ["registry_local_uri"] = Name.Split(':')[0],
        ["registry_local_port"] = Name.Split(':')[1],
        ["registry_ca_path"] = Pki.CaFile,
        ["icsp_template_dir"] = output,
    };

    /// <summary>Opens one of <see cref="Products"/>, or <c>Artifactory JCR</c>.</summary>
    /// <param name="product">The name.</param>
    /// <param name="folder">Its files.</param>
    /// <param name="host">The name that clients reach it under, where that is not 127.0.0.1 and its own port.</param>
    /// <param name="port">The port of that name.</param>
    /// <param name="days">For how many days its certificate is good.</param>
    public static async Task<ProductStage> Open(string product, TestFolder folder, string? host = null, int port = 443, int days = 90)
    {
        var pki = new Pki(folder["pki"], days: days);
        var address = host is null ? null : new Uri($"https://{host}:{port}/");
        switch (product)
        {
            case "mirror-registry":
                {
                    // Nothing but the password of the first user, whose name is found out.
                    var server = await QuayFake.Start(new QuaySettings { Certificate = Certificate(pki, host), PublicAddress = address });
                    return new ProductStage("mirror-registry", server.Name, pki, server)
                    {
                        Variables = new Dictionary<string, string> { ["mirror_registry_password"] = server.Settings.Password },
                        Manager = (server.Settings.User, server.Settings.Password),
                        Writes = () => WritesOf(server),
                    };
                }

            case "mirror-registry (Go)":
                {
                    var settings = new MirrorRegistryGoSettings { Certificate = Certificate(pki, host), PublicAddress = address };
                    var server = await MirrorRegistryGoFake.Start(settings);
                    return new ProductStage("mirror-registry", server.Name, pki, server)
                    {
                        Variables = new Dictionary<string, string> { ["mirror_registry_password"] = settings.Password },
                        Manager = (settings.User, settings.Password),
                        Writes = () => WritesOf(server),
                        TellsAccountsApart = false,
                    };
                }

            case "Quay":
                {
                    var server = await QuayFake.Start(new QuaySettings { User = "quayadmin", Password = "Quay-Password-1", UserCreation = false, CreateNamespaceOnPush = false, Certificate = Certificate(pki, host), PublicAddress = address });
                    return new ProductStage("quay", server.Name, pki, server)
                    {
                        Variables = new Dictionary<string, string> { ["registry_username"] = server.Settings.User, ["registry_password"] = server.Settings.Password },
                        Manager = (server.Settings.User, server.Settings.Password),
                        Writes = () => WritesOf(server),
                    };
                }

            case "Harbor":
                {
                    var settings = new HarborSettings { Pki = pki, AdminPassword = "H4rbor/+p&ss" };
                    var server = await HarborServer.Start(settings);
                    return new ProductStage("harbor", server.Name, pki, server)
                    {
                        Variables = new Dictionary<string, string> { ["harbor_admin_user"] = "admin", ["harbor_admin_password"] = settings.AdminPassword },
                        Manager = ("admin", settings.AdminPassword),
                        Writes = () => WritesOf(server.Requests),
                    };
                }

            case "Artifactory" or "Artifactory JCR":
                {
                    var server = await ArtifactoryServer.Start(new ArtifactorySettings { Pki = pki, Edition = product == "Artifactory" ? ArtifactoryEdition.Pro : ArtifactoryEdition.Jcr });
                    var token = server.MintToken();
                    return new ProductStage("jfrog", server.Name, pki, server)
                    {
                        Variables = new Dictionary<string, string> { ["jfrog_admin_token"] = token },
                        Manager = ("admin", token),
                        Writes = () => WritesOf(server.Web.Requests),
                    };
                }

            case "distribution":
                {
                    var server = await DockerRegistry.Start(folder["registry"], new() { Pki = pki, Accounts = new Dictionary<string, string> { ["pusher"] = "d1stribution/+s3cret", ["puller"] = "d1stribution-pull" } });
                    return new ProductStage("distribution", server.Name, pki, server)
                    {
                        Variables = new Dictionary<string, string>
                        {
                            ["registry_username"] = "pusher",
                            ["registry_password"] = "d1stribution/+s3cret",
                            ["registry_pull_username"] = "puller",
                            ["registry_pull_password"] = "d1stribution-pull",
                        },
                        Manager = ("pusher", "d1stribution/+s3cret"),
                        Writes = async () => [.. (await server.Writes()).Select(request => request.ToString())],
                        TellsAccountsApart = false,
                    };
                }

            default:
                throw new ArgumentException($"there is no product {product}", nameof(product));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Pki.Dispose();
    }

    static X509Certificate2 Certificate(Pki pki, string? host)
    {
        var (certificate, key) = pki.Issue("registry", [host ?? "localhost"]);
        return X509Certificate2.CreateFromPemFile(certificate, key);
    }

    static Task<IReadOnlyList<string>> WritesOf(FakeServer server) =>
        Task.FromResult<IReadOnlyList<string>>([.. server.Writes.Where(request => !request.Target.EndsWith("/signin", StringComparison.Ordinal)).Select(request => request.ToString())]);

    static Task<IReadOnlyList<string>> WritesOf(IEnumerable<RegistryRequest> requests) =>
        Task.FromResult<IReadOnlyList<string>>([.. requests.Where(request => request.IsWrite).Select(request => request.ToString())]);
}
