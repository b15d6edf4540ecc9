using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Kubernetes;

/// <summary>Answers <c>kubectl auth can-i</c>, whose request is protobuf (k8s.io/api/authorization/v1/generated.proto); the answer may be JSON.</summary>
static class FakeReview
{
    const int Prefix = 4; // "k8s\0"

    public static JObject Answer(byte[] body, IReadOnlyCollection<string> denied)
    {
        // Unknown.raw, SelfSubjectAccessReview.spec, its resourceAttributes.
        var attributes = Field(Field(Field(body.AsSpan(Prefix), 2), 2), 1);
        var (verb, resource) = (Encoding.UTF8.GetString(Field(attributes, 2)), Encoding.UTF8.GetString(Field(attributes, 5)));
        return new JObject
        {
            ["kind"] = "SelfSubjectAccessReview",
            ["apiVersion"] = "authorization.k8s.io/v1",
            ["metadata"] = new JObject(),
            ["spec"] = new JObject(),
            ["status"] = new JObject { ["allowed"] = !denied.Contains($"{verb} {resource}") },
        };
    }

    /// <summary>The first field of that number, all fields being strings or messages.</summary>
    static ReadOnlySpan<byte> Field(ReadOnlySpan<byte> message, int number)
    {
        for (var at = 0; at < message.Length;)
        {
            var key = message[at++];
            var (length, shift) = (0, 0);
            do
            {
                length |= (message[at] & 0x7f) << shift;
                shift += 7;
            }
            while ((message[at++] & 0x80) != 0);
            if (key >> 3 == number)
                return message.Slice(at, length);
            // A number has no content.
            at += (key & 7) == 2 ? length : 0;
        }

        return [];
    }
}
