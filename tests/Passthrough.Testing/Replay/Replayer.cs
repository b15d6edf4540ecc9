using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Passthrough.Testing.Replay;

/// <summary>
/// Sends what a real server was asked, in order, to one of ours, and compares the answers. Ours starts empty and computes them; what either server made up is
/// matched on the way (<see cref="Substitutions"/>).
/// </summary>
public sealed partial class Replayer : IDisposable
{
    readonly HttpClient http;
    readonly ReplayRules rules;
    readonly AnswerComparison comparison;
    readonly Dictionary<string, MemoryStream> uploads = new(StringComparer.Ordinal);

    /// <param name="address">Where our server listens; its certificate, if it has one, is taken as it is.</param>
    public Replayer(Uri address, ReplayRules rules)
    {
        this.rules = rules;
        comparison = new AnswerComparison(rules, Substitutions);
#pragma warning disable MA0039 // a server of this process
        http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true },
        })
        { BaseAddress = address, Timeout = TimeSpan.FromMinutes(1) };
#pragma warning restore MA0039
    }

    public Substitutions Substitutions { get; } = new();

    /// <summary>Sends a request of the test's own: to prepare what the recording takes for granted.</summary>
    /// <returns>The status, the body, and the header Location.</returns>
    public async Task<(int Status, string Body, string? Location)> AskAsync(string method, string target, string? body = null, string? credentials = null, params (string Name, string Value)[] headers)
    {
        var exchange = new RecordedExchange
        {
            Place = "",
            Section = "",
            Title = "",
            Method = method,
            Path = target,
            Credentials = credentials,
            Headers = [.. headers.Select(header => KeyValuePair.Create(header.Name, header.Value))],
            Body = body,
            Status = 0,
            ResponseHeaders = [],
            ResponseBody = "",
        };
        using var request = Request(exchange, Body(exchange));
        using var response = await http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.Location?.OriginalString);
    }

    public async Task<ReplayReport> RunAsync(IReadOnlyList<RecordedExchange> exchanges)
    {
        var outcomes = new List<ReplayOutcome>();
        foreach (var exchange in exchanges)
        {
            if (rules.Before is not null)
                await rules.Before(this, exchange);
            if (rules.LeftOut.FirstOrDefault(route => route.Holds(exchange)) is { } leftOut)
                outcomes.Add(new ReplayOutcome(exchange, [], leftOut));
            else
                outcomes.Add(new ReplayOutcome(exchange, await ReplayAsync(exchange), LeftOut: null));
        }

        return new ReplayReport(rules, outcomes);
    }

    async Task<IReadOnlyList<string>> ReplayAsync(RecordedExchange exchange)
    {
        var body = Body(exchange);
        Follow(exchange, body);
        using var request = Request(exchange, body);
        if (rules.BeforeSend is not null)
            await rules.BeforeSend(this, exchange, request);
        try
        {
            using var response = await http.SendAsync(request);
            return comparison.Differences(exchange, response, await response.Content.ReadAsByteArrayAsync());
        }
        catch (HttpRequestException e)
        {
            return [$"no answer: {e.Message}"];
        }
    }

    byte[]? Body(RecordedExchange exchange) =>
        exchange.Body is null ? null : rules.Content(exchange.Body) ?? Encoding.UTF8.GetBytes(Substitutions.Apply(exchange.Body));

    // Where a transcript does not show what was sent, or what was sent names something that our server made up, digests differ from the recorded ones.
    void Follow(RecordedExchange exchange, byte[]? body)
    {
        var told = exchange is { Method: "PUT", Status: 201 } ? exchange.ResponseHeader("Docker-Content-Digest") : null;
        if (exchange.Method == "PUT" && ManifestPath().IsMatch(exchange.Path) && body is not null)
        {
            if (rules.Content(exchange.Body!) is null)
                LearnDigest(Digest(Encoding.UTF8.GetBytes(exchange.Body!)), Digest(body));
            if (told is not null)
                LearnDigest(told, Digest(body));
        }

        if (UploadPath().Match(exchange.Path) is not { Success: true } upload || exchange.Status is < 200 or > 299)
            return;
        if (!uploads.TryGetValue(upload.Groups[1].Value, out var received))
            uploads[upload.Groups[1].Value] = received = new MemoryStream();
        received.Write(body ?? []);
        if (exchange.Method == "PUT" && DigestParameter().Match(exchange.Query) is { Success: true } parameter && Core.Oci.Digest.TryParse(Uri.UnescapeDataString(parameter.Groups[1].Value), out var wanted))
            LearnDigest(wanted.ToString(), wanted.OfSameAlgorithm(received.ToArray()).ToString());
        if (told is not null)
            LearnDigest(told, Digest(received.ToArray()));
    }

    // What is known stands: the same content has one digest. In a query it may be encoded.
    void LearnDigest(string recorded, string actual)
    {
        if (Substitutions.Find(recorded) is not null)
            return;
        Substitutions.Learn(recorded, actual);
        Substitutions.Learn(Uri.EscapeDataString(recorded), Uri.EscapeDataString(actual));
    }

    HttpRequestMessage Request(RecordedExchange exchange, byte[]? body)
    {
        var address = new Uri($"{http.BaseAddress!.GetLeftPart(UriPartial.Authority)}{Escaped(Substitutions.Apply(exchange.Target))}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        var request = new HttpRequestMessage(new HttpMethod(exchange.Method), address);
        if (body is not null || exchange.Method is "POST" or "PUT" or "PATCH")
            request.Content = new ByteArrayContent(body ?? []);
        request.Headers.Host = rules.Host;
        request.Headers.TryAddWithoutValidation("X-Forwarded-Proto", rules.Scheme);
        if (exchange.Credentials is { } credentials)
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Substitutions.Apply(credentials))));
        foreach (var (name, value) in exchange.Headers)
            Add(request, name, Substitutions.Apply(value));
        return request;
    }

    static void Add(HttpRequestMessage request, string name, string value)
    {
        if (name.Equals("Host", StringComparison.OrdinalIgnoreCase))
            request.Headers.Host = value;
        else if (name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            request.Headers.TransferEncodingChunked = true;
        else if (name.Equals("Expect", StringComparison.OrdinalIgnoreCase))
            request.Headers.ExpectContinue = true;
        else if (name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            return;
        else if (name.StartsWith("Content-", StringComparison.OrdinalIgnoreCase))
            (request.Content ??= new ByteArrayContent([])).Headers.TryAddWithoutValidation(name, value);
        else
            request.Headers.TryAddWithoutValidation(name, value);
    }

    // What curl sends as it is and .NET would not.
    static string Escaped(string target) => string.Concat(target.Select(letter => letter is > ' ' and < (char)127 ? letter.ToString() : Uri.EscapeDataString(letter.ToString())));

    static string Digest(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    public void Dispose()
    {
        http.Dispose();
        foreach (var upload in uploads.Values)
            upload.Dispose();
    }

    [GeneratedRegex("/manifests/[^/]+$")]
    private static partial Regex ManifestPath();

    [GeneratedRegex("/blobs/uploads/([^/]+)$")]
    private static partial Regex UploadPath();

    [GeneratedRegex("(?:^|&)digest=([^&]+)")]
    private static partial Regex DigestParameter();
}
