using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>What is sent back.</summary>
sealed record HarborAnswer(int Status)
{
    public string? ContentType { get; init; }

    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The size of the body that a GET would have, where there is none because it was a HEAD.</summary>
    public long? Length { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Whether it comes from the distribution registry behind core: such answers say so, core's own do not.</summary>
    public bool IsFromBackend { get; init; }

    /// <summary>What REST answers with when all is well.</summary>
    public static HarborAnswer Json(JToken json, int status = 200) => new(status) { ContentType = "application/json", Body = Line(Core.Text.Json.Compact(json)) };

    /// <summary>What <c>/v2/</c>, the token service and everything that goes wrong answer with.</summary>
    public static HarborAnswer Utf8Json(JToken json, int status = 200) => new(status) { ContentType = "application/json; charset=utf-8", Body = Line(Core.Text.Json.Compact(json)) };

    public static HarborAnswer Text(string text, int status = 200, string type = "text/plain; charset=utf-8") => new(status) { ContentType = type, Body = Encoding.UTF8.GetBytes(text) };

    public static HarborAnswer Errors(int status, params (string Code, string Message, JToken? Detail)[] errors) => Utf8Json(
        new JObject
        {
            ["errors"] = new JArray(errors.Select(error =>
            {
                var json = new JObject { ["code"] = error.Code, ["message"] = error.Message };
                if (error.Detail is not null)
                    json["detail"] = error.Detail;
                return json;
            })),
        },
        status);

    public static HarborAnswer Error(int status, string code, string message, JToken? detail = null) => Errors(status, (code, message, detail));

    /// <summary>Errors of the layer that reads requests.</summary>
    public static HarborAnswer Unprocessable(string what) => Error(422, "UNPROCESSABLE_ENTITY", $"validation failure list:\n{what}");

    public static HarborAnswer BadRequest(string message) => Error(400, "BAD_REQUEST", message);

    public static HarborAnswer NotFound(string message) => Error(404, "NOT_FOUND", message);

    public static HarborAnswer Conflict(string message) => Error(409, "CONFLICT", message);

    public static HarborAnswer Forbidden(string message = "forbidden") => Error(403, "FORBIDDEN", message);

    public static HarborAnswer Unauthorized() => Error(401, "UNAUTHORIZED", "unauthorized");

    public static HarborAnswer Internal() => Error(500, "UNKNOWN", "internal server error");

    public HarborAnswer FromBackend() => this with { IsFromBackend = true };

    public HarborAnswer With(string name, string value) => this with { Headers = [.. Headers, new(name, value)] };

    static byte[] Line(string text) => Encoding.UTF8.GetBytes(text + "\n");
}

/// <summary>Ends the handling of a request with an answer.</summary>
sealed class HarborRefusal(HarborAnswer answer) : Exception
{
    public HarborAnswer Answer { get; } = answer;
}
