using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using Newtonsoft.Json.Linq;
using Passthrough.Core;
using Passthrough.Core.Admin;
using Passthrough.Core.Ansible;
using Passthrough.Core.Registry;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Modules.Shared;

/// <summary>The parameters that every module that talks to a registry shares, and what they mean.</summary>
/// <param name="Endpoint">Where the registry is.</param>
/// <param name="Options">Trust and patience.</param>
/// <param name="Credentials">The user's own for this registry, else those of auth files.</param>
/// <param name="Product">What registry it is.</param>
sealed record RegistryConnection(RegistryEndpoint Endpoint, ConnectionOptions Options, ICredentialSource Credentials, RegistryProduct Product)
{
    /// <summary>A certificate that ends within as many days is warned of.</summary>
    const int DaysOfWarning = 30;

    public static ImmutableArray<Argument> Arguments { get; } =
    [
        new("registry_type") { Choices = RegistryProducts.Names, Default = RegistryProducts.Default },
        new("registry_host") { Aliases = ["registry_local_uri", "registry_hostname"], Required = true },
        new("registry_port", ArgumentType.Number) { Aliases = ["registry_local_port"] },
        new("scheme") { Choices = ["https", "http"], Default = "https" },
        new("username") { EnvironmentFallback = ["REGISTRY_USERNAME"] },
        new("password") { EnvironmentFallback = ["REGISTRY_PASSWORD"], NoLog = true },
        new("token") { EnvironmentFallback = ["REGISTRY_TOKEN"], NoLog = true },
        new("authfile", ArgumentType.Path),
        new("token_services", ArgumentType.Dictionary),
        new("validate_certs", ArgumentType.Flag) { Default = true },
        new("ca_path", ArgumentType.Path),
        new("client_cert", ArgumentType.Path),
        new("client_key", ArgumentType.Path),
        new("use_proxy", ArgumentType.Flag) { Default = true },
        new("timeout", ArgumentType.Number) { Default = 30 },
        new("retries", ArgumentType.Number) { Default = 5 },
    ];

    /// <summary>The same without a required host, for modules that also work without a registry.</summary>
    public static ImmutableArray<Argument> OptionalArguments { get; } = [.. Arguments.Select(argument => argument with { Required = false })];

    /// <summary>The same for modules that manage: a password without a user name is that of the installation's first user, on products where that can be asked.</summary>
    /// <exception cref="ModuleException">A value cannot be used, or nobody answers who was to be asked.</exception>
    public static async Task<RegistryConnection> FromAsync(ModuleContext context, CancellationToken cancellation)
    {
        var product = RegistryProducts.Get(context.Arguments.RequiredText("registry_type"));
        if (product.AskFirstUser is not { } ask || Filled(context.Arguments, "password") is not { } password || Filled(context.Arguments, "username") is not null || Filled(context.Arguments, "token") is not null)
            return From(context);
        context.Secrets.Add(password);
        var connection = From(context, new Credential { Password = password });
        using var administration = await connection.OpenAdminAsync(context, credential: null, cancellation);
        var user = await ask(administration, cancellation);
        context.Secrets.AddCredential(user, password);
        return From(context, new Credential { Username = user, Password = password }) with { Server = connection.Server };
    }

    /// <exception cref="ModuleException">A value cannot be used.</exception>
    public static RegistryConnection From(ModuleContext context) => From(context, ReadCredential(context));

    static RegistryConnection From(ModuleContext context, Credential? credential)
    {
        var arguments = context.Arguments;
        var endpoint = RegistryEndpoint.Parse(
            arguments.Text("registry_host") ?? throw new ModuleException(ErrorCodes.InvalidArgument, "registry_host is missing", "name the registry, like registry.example.com"),
            arguments.Number("registry_port"),
            arguments.RequiredText("scheme"));
        return new RegistryConnection(endpoint, ReadOptions(context).WithCertificatesOf(endpoint), new GivenCredential(endpoint.Authority, credential, ReadAuthFiles(context)), RegistryProducts.Get(arguments.RequiredText("registry_type")))
        {
            HasOwnCredential = credential is not null,
        };
    }

    /// <summary>Whether the user gave a credential apart from auth files.</summary>
    public required bool HasOwnCredential { get; init; }

    /// <summary>The credentials alone, for modules that write them and ask nobody.</summary>
    /// <exception cref="ModuleException">User name and password do not come together.</exception>
    public static ICredentialSource CredentialsFor(RegistryEndpoint endpoint, ModuleContext context) =>
        new GivenCredential(endpoint.Authority, ReadCredential(context), ReadAuthFiles(context));

    /// <summary>What this run knows about the server.</summary>
    KnownServer Server { get; init; } = new();

    /// <summary>Connects for a transfer; the caller disposes of it. Knows which edition of its product the server is, which it may have to ask.</summary>
    /// <exception cref="ModuleException">Another product answers, or nobody.</exception>
    public async Task<RegistryStore> OpenStoreAsync(CancellationToken cancellation)
    {
        using var administration = OpenAdmin(credential: null);
        await administration.RequireAsync(Product, cancellation);
        return new RegistryStore(Endpoint, Options, Credentials, await Product.TraitsAsync(administration, cancellation));
    }

    /// <summary>Connects to what manages it, as the given account; the caller disposes of it. Warns of a certificate that ends soon.</summary>
    /// <exception cref="ModuleException">Another product answers, or nobody.</exception>
    public async Task<AdminConnection> OpenAdminAsync(ModuleContext context, Credential? credential, CancellationToken cancellation)
    {
        var options = Options with { OnCertificate = certificate => WarnOfEnd(context, certificate) };
        var administration = new AdminConnection(Endpoint, options, credential, Product.Traits) { Server = Server };
        try
        {
            await administration.RequireAsync(Product, cancellation);
            return administration;
        }
        catch
        {
            administration.Dispose();
            throw;
        }
    }

    /// <summary>The same for what a transfer asks beside <c>/v2/</c>.</summary>
    public AdminConnection OpenAdmin(Credential? credential) => new(Endpoint, Options, credential, Product.Traits) { Server = Server };

    void WarnOfEnd(ModuleContext context, X509Certificate2 certificate)
    {
        var (end, now) = (certificate.NotAfter.ToUniversalTime(), context.Time.GetUtcNow().UtcDateTime);
        var left = (int)Math.Floor((end - now).TotalDays);
        var warning = $"the certificate of {Endpoint.Authority} ends in {left} days ({end.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture)} UTC): renew it, or pulls and pushes fail from then on";
        if (left is >= 0 and < DaysOfWarning && !context.Warnings.Contains(warning))
            context.Warnings.Add(warning);
    }

    /// <summary>All other registries, for modules that read from them.</summary>
    /// <param name="context">Its authfile, proxy and patience are used; the target's own credentials and CA are not.</param>
    /// <param name="pullFrom">Registry to the place asked in its stead.</param>
    public static UpstreamStores OpenUpstreams(ModuleContext context, IEnumerable<KeyValuePair<string, string>> pullFrom) =>
        new(pullFrom, ReadAuthFiles(context), ReadOptions(context));

    /// <summary>Where signatures of releases are; null where they are not wanted.</summary>
    /// <param name="counts">What its requests are counted with.</param>
    public static SignatureStore? OpenSignatures(ModuleContext context, RequestCounts counts) =>
        Filled(context.Arguments, "signature_store") is { } place ? new SignatureStore(place, ReadOptions(context) with { Requests = counts }, context.Time) { MayBeOutOfReach = place == SignatureStore.Default } : null;

    static AuthFiles ReadAuthFiles(ModuleContext context) => new(Filled(context.Arguments, "authfile"), context.Secrets.Add);

    // Empty is what a template gives for a variable that was not filled: none.
    static string? Filled(ModuleArguments arguments, string name) => arguments.Text(name) is { Length: > 0 } text ? text : null;

    static ConnectionOptions ReadOptions(ModuleContext context)
    {
        var arguments = context.Arguments;
        if (arguments.Number("timeout") is < 1 or > 3600)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"timeout {arguments.Number("timeout")} is not between 1 and 3600 seconds");
        if (arguments.Number("retries") is < 0 or > 100)
            throw new ModuleException(ErrorCodes.InvalidArgument, $"retries {arguments.Number("retries")} is not between 0 and 100");
        if (Filled(arguments, "client_key") is not null && Filled(arguments, "client_cert") is null)
            throw new ModuleException(ErrorCodes.InvalidArgument, "client_key is given without client_cert", "give the certificate that belongs to the key");
        return new ConnectionOptions
        {
            ValidateCertificates = arguments.Flag("validate_certs"),
            CaPath = Filled(arguments, "ca_path"),
            ClientCertificate = Filled(arguments, "client_cert"),
            ClientKey = Filled(arguments, "client_key"),
            UseProxy = arguments.Flag("use_proxy"),
            Timeout = TimeSpan.FromSeconds(arguments.Number("timeout") ?? 30),
            Retries = arguments.Number("retries") ?? 5,
            TokenServices = TokenServices.Parse(ReadTokenServices(arguments)),
            OnSecret = context.Secrets.Add,
            OnTrouble = sentence => WarnOnce(context, sentence),
        };
    }

    static IEnumerable<KeyValuePair<string, string>> ReadTokenServices(ModuleArguments arguments)
    {
        foreach (var entry in arguments.Dictionary("token_services")?.Properties() ?? [])
        {
            yield return entry.Value is JValue { Value: string service }
                ? new(entry.Name, service)
                : throw new ModuleException(
                    ErrorCodes.InvalidArgument, $"token_services: value of {entry.Name} must be a string: the host of its token service");
        }
    }

    // Many requests may meet the same trouble at once.
    static void WarnOnce(ModuleContext context, string sentence)
    {
        lock (context.Warnings)
        {
            if (!context.Warnings.Contains(sentence))
                context.Warnings.Add(sentence);
        }
    }

    static Credential? ReadCredential(ModuleContext context)
    {
        var (username, password, token) = (Filled(context.Arguments, "username"), Filled(context.Arguments, "password"), Filled(context.Arguments, "token"));
        context.Secrets.Add(password);
        context.Secrets.Add(token);
        if (token is not null)
            return new Credential { Username = username, Token = token };
        if (username is null && password is null)
            return null;
        if (username is null || password is null)
            throw new ModuleException(ErrorCodes.InvalidArgument, username is null ? "password is given without username" : "username is given without password", "give both, or neither and an authfile");
        if (username.Contains(':'))
            throw new ModuleException(ErrorCodes.InvalidArgument, "username has a colon, which no registry can receive", "give the password in password");
        context.Secrets.AddCredential(username, password);
        return new Credential { Username = username, Password = password };
    }
}
