using System.Globalization;
using Newtonsoft.Json.Linq;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Passthrough.Core.Text;

/// <summary>
/// Reads YAML as the values of JSON, as Kubernetes does: several documents, anchors and aliases, plain scalars by the core schema of YAML 1.2,
/// but for <c>0644</c>, which is 644 there and 420 in YAML 1.1: it stays text.
/// What hostile text could grow is bounded: depth, and the number of values that aliases unfold to.
/// </summary>
public static class Yaml
{
    /// <summary>The documents, in their order; empty ones are left out.</summary>
    /// <exception cref="FormatException">No YAML, or YAML that is no JSON; the message says where and why.</exception>
    public static IReadOnlyList<JToken> ParseAll(string text)
    {
        if (text.Length > Limits.DocumentBytes)
            throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"more than {Limits.DocumentBytes} characters"));
        var parser = new Parser(new StringReader(text.TrimStart('\uFEFF')));
        var documents = new List<JToken>();
        var reader = new Reader(parser);
        try
        {
            parser.Consume<StreamStart>();
            while (!parser.TryConsume<StreamEnd>(out _))
            {
                parser.Consume<DocumentStart>();
                if (reader.Read() is { Type: not JTokenType.Null } document)
                    documents.Add(document);
                parser.Consume<DocumentEnd>();
            }
        }
        catch (YamlException e)
        {
            throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"line {e.Start.Line}, column {e.Start.Column}: {Reason(e)}"), e);
        }

        return documents;
    }

    // Some messages begin with their place, which stands before them already.
    static string Reason(Exception e) => e.Message[(e.Message.LastIndexOf("): ", StringComparison.Ordinal) is var end && end < 0 ? 0 : end + 3)..].TrimEnd('.');

    sealed class Reader(IParser parser)
    {
        readonly Dictionary<AnchorName, JToken> anchors = [];
        int values;

        public JToken Read(int depth = 0)
        {
            if (depth > Limits.DocumentDepth)
                throw Fault(parser.Current!, $"more than {Limits.DocumentDepth} levels");
            Count(parser.Current!, 1);
            if (parser.TryConsume<AnchorAlias>(out var alias))
                return Unfold(alias);
            if (parser.TryConsume<Scalar>(out var scalar))
                return Keep(scalar, Value(scalar));
            if (parser.TryConsume<SequenceStart>(out var sequence))
            {
                var items = new JArray();
                while (!parser.TryConsume<SequenceEnd>(out _))
                    items.Add(Read(depth + 1));
                return Keep(sequence, items);
            }

            var start = parser.Consume<MappingStart>();
            var members = new JObject();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.TryConsume<Scalar>(out var name) ? name.Value : throw Fault(parser.Current!, "a key that is no text");
                if (members.ContainsKey(key))
                    throw Fault(name, $"the key {key} stands twice");
                members[key] = Read(depth + 1);
            }

            return Keep(start, members);
        }

        // An anchor is known when its value is complete: one inside itself stays unknown, so no circle can be made.
        JToken Keep(NodeEvent node, JToken value)
        {
            if (!node.Anchor.IsEmpty)
                anchors[node.Anchor] = value;
            return value;
        }

        JToken Unfold(AnchorAlias alias)
        {
            if (!anchors.TryGetValue(alias.Value, out var value))
                throw Fault(alias, $"the alias {alias.Value} names nothing before it");
            // Its depth was bounded where it was read, once for each of the at most Limits.DocumentDepth levels it is put into.
            Count(alias, value is JContainer container ? container.DescendantsAndSelf().Take(Limits.DocumentValues + 1).Count() : 1);
            return value.DeepClone();
        }

        void Count(ParsingEvent place, int more)
        {
            values += more;
            if (values > Limits.DocumentValues)
                throw Fault(place, $"more than {Limits.DocumentValues} values");
        }

        static YamlException Fault(ParsingEvent place, string reason) => new(place.Start, place.End, reason);

        static JToken Value(Scalar scalar)
        {
            var text = scalar.Value;
            if (scalar.Style != ScalarStyle.Plain || (!scalar.Tag.IsEmpty && !scalar.Tag.IsNonSpecific))
                return text;
            return text switch
            {
                "" or "~" or "null" or "Null" or "NULL" => JValue.CreateNull(),
                "true" or "True" or "TRUE" => true,
                "false" or "False" or "FALSE" => false,
                ['0', not '.', ..] => text,
                _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
                _ when IsNumber(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
                _ => text,
            };
        }

        // "Infinity" and "NaN" are words here, not numbers.
        static bool IsNumber(string text) => !text.AsSpan().ContainsAnyExcept("0123456789.eE+-") && text.AsSpan().ContainsAnyInRange('0', '9');
    }
}
