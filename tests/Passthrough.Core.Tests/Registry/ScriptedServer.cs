using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Passthrough.Core.Tests.Registry;

/// <summary>A server on a free port of 127.0.0.1 that answers what the test says, faults above all, and remembers what it was asked.</summary>
sealed class ScriptedServer : IAsyncDisposable
{
    readonly WebApplication application;
    readonly ConcurrentQueue<string> requests = new();

    ScriptedServer(WebApplication application, Uri address)
    {
        this.application = application;
        Address = address;
    }

    public Uri Address { get; }

    public int Port => Address.Port;

    /// <summary><c>127.0.0.1:port</c>.</summary>
    public string Name => Address.Authority;

    /// <summary><c>METHOD /path?query</c> of each request, in order; those to <c>/v2/</c> alone are left out.</summary>
    public IReadOnlyList<string> Requests => [.. requests];

    /// <summary>The Authorization of each request, in the same order; <c>-</c> for none.</summary>
    public ConcurrentQueue<string> Authorizations { get; } = new();

    /// <summary>What <c>GET /v2/</c> answers; by default that anybody may come in.</summary>
    public Func<HttpContext, Task> Ping { get; set; } = context => Answer(context, 200, "{}");

    /// <summary>What every other request is answered, by the number of the request from 0 on.</summary>
    public Func<HttpContext, int, Task> Script { get; set; } = (context, _) => Answer(context, 404, """{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}""");

    public static async Task<ScriptedServer> Start(X509Certificate2? certificate = null, bool wantsClientCertificate = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                if (certificate is not null)
                    listen.UseHttps(certificate, https =>
                    {
                        https.ClientCertificateMode = wantsClientCertificate ? ClientCertificateMode.RequireCertificate : ClientCertificateMode.NoCertificate;
                        https.AllowAnyClientCertificate();
                    });
            });
        });
        var application = builder.Build();
        ScriptedServer server = null!;
        var count = -1;
        application.Run(context =>
        {
            if (context.Request.Path == "/v2/")
                return server.Ping(context);
            server.requests.Enqueue($"{context.Request.Method} {context.Request.Path}{context.Request.QueryString}");
            server.Authorizations.Enqueue(context.Request.Headers.Authorization is [{ } value] ? value : "-");
            return server.Script(context, Interlocked.Increment(ref count));
        });
        await application.StartAsync();
        var bound = new Uri(application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());
        return server = new ScriptedServer(application, new Uri($"{(certificate is null ? "http" : "https")}://127.0.0.1:{bound.Port}/"));
    }

    public static async Task Answer(HttpContext context, int status, string body, string type = "application/json", params (string Name, string Value)[] headers)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        foreach (var (name, value) in headers)
            context.Response.Headers[name] = value;
        await context.Response.WriteAsync(body);
    }

    public static Task Error(HttpContext context, int status, string code, string message, params (string Name, string Value)[] headers) =>
        Answer(context, status, $$"""{"errors":[{"code":"{{code}}","message":"{{message}}"}]}""", "application/json", headers);

    public async ValueTask DisposeAsync()
    {
        using var hurry = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await application.StopAsync(hurry.Token);
        await application.DisposeAsync();
    }
}
