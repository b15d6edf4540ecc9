using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Registries.Artifactory;

/// <summary>One answer, in one of the shapes that stand side by side in Artifactory.</summary>
sealed record ArtifactoryAnswer(int Status, string? ContentType, byte[] Body)
{
    public List<(string Name, string Value)> Headers { get; } = [];

    /// <summary>Whether it tells who answers: 401s do not.</summary>
    public bool TellsProduct => Status != 401;

    public ArtifactoryAnswer With(string name, string value)
    {
        Headers.Add((name, value));
        return this;
    }

    public static ArtifactoryAnswer Empty(int status) => new(status, null, []);

    public static ArtifactoryAnswer Text(int status, string text, string type = "text/plain") => new(status, type, Encoding.UTF8.GetBytes(text));

    public static ArtifactoryAnswer Json(int status, JToken json, string type = "application/json") => Text(status, Json(json), type);

    /// <summary>REST: <c>{"errors":[{"status","message"}]}</c>, pretty-printed with a blank before the colon.</summary>
    public static ArtifactoryAnswer RestError(int status, string message) =>
        Text(status, $"{{\n  \"errors\" : [ {{\n    \"status\" : {status},\n    \"message\" : {Core.Text.Json.Compact(new JValue(message))}\n  }} ]\n}}", status == 401 ? "application/json;charset=ISO-8859-1" : "application/json");

    /// <summary>Access: <c>{"errors":[{"code","detail","message"}]}</c>.</summary>
    public static ArtifactoryAnswer AccessError(int status, string code, string message, string? detail = null)
    {
        var error = new JObject { ["code"] = code };
        if (detail is not null)
            error["detail"] = detail;
        error["message"] = message;
        return Json(status, new JObject { ["errors"] = new JArray(error) });
    }

    /// <summary>Docker: <c>{"errors":[{"code","message","detail"}]}</c>, compact, with the API version.</summary>
    public static ArtifactoryAnswer DockerError(int status, string code, string message, JToken? detail = null)
    {
        var error = new JObject { ["code"] = code, ["message"] = message };
        if (detail is not null)
            error["detail"] = detail;
        return Text(status, Core.Text.Json.Compact(new JObject { ["errors"] = new JArray(error) }), "application/json").With("Docker-Distribution-Api-Version", "registry/2.0");
    }

    static string Json(JToken json) => Core.Text.Json.Compact(json);
}
