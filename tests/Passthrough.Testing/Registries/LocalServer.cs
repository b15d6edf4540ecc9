using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Passthrough.Testing.Registries;

/// <summary>A web server on a free port of 127.0.0.1 that remembers what it was asked: what every registry of our own stands on.</summary>
public sealed class LocalServer : IAsyncDisposable
{
    readonly WebApplication application;
    readonly ConcurrentQueue<RegistryRequest> requests = new();

    LocalServer(WebApplication application, Pki? pki)
    {
        this.application = application;
        Pki = pki;
    }

    /// <summary>With <c>https</c> where it has a certificate.</summary>
    public Uri Address { get; private set; } = null!;

    public int Port => Address.Port;

    /// <summary><c>127.0.0.1:port</c>.</summary>
    public string Name => Address.Authority;

    /// <summary>The authority of its certificate; null for plain HTTP.</summary>
    public Pki? Pki { get; }

    /// <summary>Everything that was asked, in the order of the answers; the path with its query, as it was sent.</summary>
    public IReadOnlyList<RegistryRequest> Requests => [.. requests];

    /// <summary>Stands between a request and its answer: gets the request and what answers it. A test fails, delays or cuts off here.</summary>
    public Func<HttpContext, Func<Task>, Task>? Around { get; set; }

    /// <param name="answer">What it answers.</param>
    /// <param name="pki">Serves TLS with a certificate from here; null serves plain HTTP, unless a certificate is given.</param>
    /// <param name="name">The certificate's name.</param>
    /// <param name="given">The certificate itself, where a test cares for its form; stays the caller's.</param>
    public static async Task<LocalServer> Start(RequestDelegate answer, Pki? pki = null, string name = "registry", X509Certificate2? given = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var certificate = given ?? (pki?.Issue(name, "registry.disconnected.local") is { } files ? X509Certificate2.CreateFromPemFile(files.Certificate, files.Key) : null);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MaxRequestLineSize = 64 * 1024;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                if (certificate is not null)
                    listen.UseHttps(certificate);
            });
        });
        var application = builder.Build();
        var server = new LocalServer(application, pki);
        application.Run(async context =>
        {
            try
            {
                await (server.Around is { } around ? around(context, () => answer(context)) : answer(context));
            }
            finally
            {
                server.requests.Enqueue(new RegistryRequest(context.Request.Method, RawTarget(context), context.Response.StatusCode, context.Response.ContentLength ?? 0, context.Request.Headers.UserAgent.ToString()));
            }
        });
        await application.StartAsync();
        var bound = new Uri(application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        server.Address = new Uri($"{(certificate is null ? "http" : "https")}://127.0.0.1:{bound.Port}/");
        return server;
    }

    /// <summary>The path and the query as they came, percent-encoding and all.</summary>
    public static string RawTarget(HttpContext context) => context.Features.Get<IHttpRequestFeature>()!.RawTarget;

    public void ClearRequests() => requests.Clear();

    public async ValueTask DisposeAsync()
    {
        using var hurry = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await application.StopAsync(hurry.Token);
        await application.DisposeAsync();
    }
}
