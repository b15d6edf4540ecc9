using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Core.Text;

namespace Passthrough.Testing.Registries.Harbor;

/// <summary>Blobs and their uploads: distribution 2.8 behind core's quota. Content-Range is ignored; the state in the location must be the newest.</summary>
sealed partial class HarborUploads(HarborServer server, HarborState state)
{
    /// <summary>nginx goes on sending a large body that core has refused, and answers for it (registries.md A.5: at random; here always).</summary>
    const int BodyThatProxiesLose = 2_000_000;

    readonly byte[] key = RandomNumberGenerator.GetBytes(32);

    MemoryContent Content => state.Content;

    /// <param name="id">What follows <c>blobs/uploads/</c>; empty to begin one.</param>
    public HarborAnswer Answer(HarborCall call, HarborProject project, string name, string id)
    {
        if (id.Length == 0)
            return call.Method == "POST" ? Start(call, project, name) : HarborAnswer.NotFound("page not found");
        if (call["_state"] is not { } sent || Read(sent) is not { } known)
            return Invalid(new JObject());
        if ((string?)known["Name"] != name || (string?)known["UUID"] != id)
            return Invalid();
        if (Content.Upload(id) is not { } upload)
            return HarborAnswer.Error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", new JObject()).FromBackend();
        if ((long)known["Offset"]! != upload.Received.Length)
            return Invalid();
        switch (call.Method)
        {
            case "GET":
                return At(call, upload, 204);
            case "PATCH":
                upload.Received.Write(call.Body);
                return At(call, upload, 202);
            case "PUT":
                return Finish(call, project, upload);
            case "DELETE":
                Content.EndUpload(id);
                return new HarborAnswer(204).With("Docker-Upload-Uuid", id).FromBackend();
            default:
                return HarborAnswer.NotFound("page not found");
        }
    }

    HarborAnswer Start(HarborCall call, HarborProject project, string name)
    {
        if (call["mount"] is { } mount && call["from"] is { } from && Digest.TryParse(mount, out var digest) && MayRead(call, from) && Content.Mount(from, name, digest))
            return new HarborAnswer(201).With("Docker-Content-Digest", mount).With("Location", $"{call.External}/v2/{name}/blobs/{mount}").FromBackend();
        var used = state.Used(project);
        if (project.Quota > 0 && used > project.Quota)
            return HarborDistribution.Refusal("subtracting", 0, used, project.Quota);
        // A digest in the query, and a body, are not looked at.
        return At(call, Content.StartUpload(name), 202);
    }

    bool MayRead(HarborCall call, string from) =>
        state.Project(from.Split('/')[0]) is { } project && (call.Who.Claims is { } claims ? state.MayWith(claims, project, "pull") : state.May(call.Who, project, "repository", "pull"));

    HarborAnswer Finish(HarborCall call, HarborProject project, MemoryUpload upload)
    {
        if (call["digest"] is not { } wanted)
            return HarborAnswer.BadRequest("exist blob require digest");
        upload.Received.Write(call.Body);
        var bytes = upload.Received.ToArray();
        var canonical = Digest.Sha256(bytes);
        if (Over(call, project, canonical, bytes.Length) is { } refused)
            return refused;
        if (!Digest.TryParse(wanted, out var digest))
            return HarborAnswer.Error(400, "DIGEST_INVALID", "provided digest did not match uploaded content", "digest parsing failed").FromBackend();
        if (digest.OfSameAlgorithm(bytes) != digest)
            return HarborAnswer.Error(400, "DIGEST_INVALID", "provided digest did not match uploaded content", new JObject { ["Digest"] = wanted, ["Reason"] = new JObject() }).FromBackend();
        Content.PutBlob(upload.Repository, canonical, bytes);
        Content.EndUpload(upload.Id);
        return new HarborAnswer(201).With("Docker-Content-Digest", canonical.ToString()).With("Location", $"{call.External}/v2/{upload.Repository}/blobs/{canonical}").FromBackend();
    }

    HarborAnswer? Over(HarborCall call, HarborProject project, Digest digest, long bytes)
    {
        var sizes = Content.Sizes(project.Name + "/");
        var used = sizes.Values.Sum();
        if (project.Quota <= 0 || sizes.ContainsKey(digest) || used + bytes <= project.Quota)
            return null;
        return server.IsBehindProxy && call.Body.Length >= BodyThatProxiesLose
            ? HarborAnswer.Text("<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n", 502, "text/html")
            : HarborDistribution.Refusal("adding", bytes, used, project.Quota);
    }

    public HarborAnswer Blob(HarborCall call, HarborProject project, string name, string reference)
    {
        if (!Digest.TryParse(reference, out var digest) || Content.Blob(name, digest) is not { } bytes)
            // Core itself answers a HEAD for what is nowhere in the project.
            return HarborAnswer.Error(404, "BLOB_UNKNOWN", "blob unknown to registry", reference) with { IsFromBackend = !call.IsHead || (digest is not null && Content.Sizes(project.Name + "/").ContainsKey(digest)) };
        var answer = new HarborAnswer(200) { ContentType = "application/octet-stream", Body = bytes }
            .With("Accept-Ranges", "bytes").With("Cache-Control", "max-age=31536000").With("Docker-Content-Digest", reference).With("Etag", $"\"{reference}\"").FromBackend();
        if (call.Header("Range") is not { } range || ByteRange().Match(range) is not { Success: true } match)
            return answer;
        var from = int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        var to = match.Groups[2].Length == 0 ? bytes.Length - 1 : Math.Min(int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture), bytes.Length - 1);
        return from >= bytes.Length
            ? new HarborAnswer(416).With("Content-Range", $"bytes */{bytes.Length}")
            : answer with { Status = 206, Body = bytes.AsMemory(from..(to + 1)), Headers = [.. answer.Headers, new("Content-Range", $"bytes {from}-{to}/{bytes.Length}")] };
    }

    public HarborAnswer DeleteBlob(string name, string reference) =>
        (Digest.TryParse(reference, out var digest) && Content.RemoveBlob(name, digest) ? new HarborAnswer(202) : HarborAnswer.Error(404, "BLOB_UNKNOWN", "blob unknown to registry", reference)).FromBackend();

    HarborAnswer At(HarborCall call, MemoryUpload upload, int status) => new HarborAnswer(status)
        .With("Docker-Upload-Uuid", upload.Id)
        .With("Location", $"{call.External}/v2/{upload.Repository}/blobs/uploads/{upload.Id}?_state={Uri.EscapeDataString(Write(upload))}")
        .With("Range", $"0-{Math.Max(upload.Received.Length - 1, 0)}").FromBackend();

    string Write(MemoryUpload upload)
    {
        var json = Encoding.UTF8.GetBytes(Json.Compact(new JObject { ["Name"] = upload.Repository, ["UUID"] = upload.Id, ["Offset"] = upload.Received.Length, ["StartedAt"] = HarborText.Time(state.Now) }));
        return Base64Url.EncodeToString([.. HMACSHA256.HashData(key, json), .. json]);
    }

    JObject? Read(string text)
    {
        var bytes = new byte[text.Length];
        if (Base64Url.DecodeFromChars(text, bytes, out _, out var length) != System.Buffers.OperationStatus.Done || length < 33)
            return null;
        var json = bytes.AsSpan(32..length);
        return CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(key, json), bytes.AsSpan(0, 32)) ? (JObject)Json.Parse(json) : null;
    }

    static HarborAnswer Invalid(JToken? detail = null) => HarborAnswer.Error(404, "BLOB_UPLOAD_INVALID", "blob upload invalid", detail).FromBackend();

    [GeneratedRegex(@"^bytes=(\d+)-(\d*)$")]
    private static partial Regex ByteRange();
}
