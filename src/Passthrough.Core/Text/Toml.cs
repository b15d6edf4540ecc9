using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;
using Tomlyn;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Passthrough.Core.Text;

/// <summary>
/// The one place that reads and writes TOML text (toml.io, v1.1), by the parser's syntax tree: no reflection.
/// Tables become objects and arrays of tables become arrays, keys as they are written; dates and times are of the type Date, never strings.
/// </summary>
public static class Toml
{
    static readonly SearchValues<char> Punctuation = SearchValues.Create("=,.[{#\n");

    /// <param name="text">A whole document; a byte-order mark is skipped.</param>
    /// <param name="document">The document, where the answer is true.</param>
    /// <param name="reason">What is wrong first, beginning with <c>line 3: </c>.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out JObject? document, [NotNullWhen(false)] out string? reason)
    {
        document = null;
        if ((reason = Excess(text)) is not null)
            return false;
        DocumentSyntax syntax;
        try
        {
            // The check of the parser's own compares every key with all that it begins with: the depth must be known first.
            if ((reason = Excess(SyntaxParser.Parse(text, validate: false))) is not null)
                return false;
            syntax = SyntaxParser.Parse(text);
        }
        catch (TomlException e)
        {
            // Only nesting deeper than its limit is thrown.
            reason = e.Message;
            return false;
        }

        if (syntax.Diagnostics.FirstOrDefault(message => message.Kind == DiagnosticMessageKind.Error) is { } error)
        {
            reason = $"line {error.Span.Start.Line + 1}: {Short(error.Message)}";
            return false;
        }

        reason = null;
        document = [];
        AddAll(syntax.KeyValues, document);
        foreach (var table in syntax.Tables)
            AddAll(table.Items, Open(document, Names(table.Name!), table is TableArraySyntax));
        return true;
    }

    /// <summary>The names of the <c>[tables]</c> of a document, as they follow each other; a reader that goes by this order needs no more. Empty where it is no TOML.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> TableNames(string text) =>
        TryParse(text, out _, out _) ? [.. SyntaxParser.Parse(text).Tables.OfType<TableSyntax>().Select(table => Names(table.Name!))] : [];

    /// <summary>A string as a basic string, in quotation marks.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("\"", text.Length + 2);
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' or '\\' => quoted.Append('\\').Append(c),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                < ' ' or '\x7f' => quoted.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => quoted.Append(c),
            };
        }

        return quoted.Append('"').ToString();
    }

    /// <summary>An array of strings on one line.</summary>
    public static string Quote(IEnumerable<string> texts) => $"[{string.Join(", ", texts.Select(Quote))}]";

    // Each token becomes some hundred bytes: they are counted, and a few that stand in strings with them.
    static string? Excess(string text)
    {
        var tokens = 0;
        for (var rest = text.AsSpan(); rest.IndexOfAny(Punctuation) is >= 0 and var at; rest = rest[(at + 1)..])
            tokens++;
        return tokens > Limits.DocumentValues
            ? string.Create(CultureInfo.InvariantCulture, $"more than {Limits.DocumentValues} keys and values") : null;
    }

    static string? Excess(DocumentSyntax syntax)
    {
        var deep = syntax.KeyValues.Concat(syntax.Tables.SelectMany(table => table.Items)).Select(item => item.Key)
            .Concat(syntax.Tables.Select(table => table.Name))
            .FirstOrDefault(key => key?.DotKeys.ChildrenCount >= Limits.TomlDepth);
        return deep is null ? null
            : string.Create(CultureInfo.InvariantCulture, $"line {deep.Span.Start.Line + 1}: a key of more than {Limits.TomlDepth} parts");
    }

    // The parser has checked that no key is defined twice; what it lets pass is a table, or the last one of an array.
    static JObject Open(JObject table, IReadOnlyList<string> names, bool appends)
    {
        for (var i = 0; i < names.Count; i++)
        {
            var existing = table[names[i]];
            if (existing is null)
                table[names[i]] = existing = appends && i == names.Count - 1 ? new JArray() : new JObject();
            if (existing is JArray array)
            {
                if (appends && i == names.Count - 1)
                    array.Add(new JObject());
                existing = array[array.Count - 1];
            }

            table = (JObject)existing;
        }

        return table;
    }

    static void AddAll(IEnumerable<KeyValueSyntax> items, JObject table)
    {
        foreach (var item in items)
        {
            var names = Names(item.Key!);
            Open(table, names[..^1], appends: false)[names[^1]] = Value(item.Value!);
        }
    }

    static JToken Value(ValueSyntax value)
    {
        switch (value)
        {
            case StringValueSyntax text:
                return new JValue(text.Value);
            case BooleanValueSyntax boolean:
                return new JValue(boolean.Value);
            case IntegerValueSyntax integer:
                return new JValue(integer.Value);
            case FloatValueSyntax number:
                return new JValue(number.Value);
            case DateTimeValueSyntax date:
                return new JValue(date.Value.DateTime);
            case ArraySyntax array:
                return new JArray(array.Items.Select(item => Value(item.Value!)));
            case InlineTableSyntax inline:
                var table = new JObject();
                AddAll(inline.Items.Select(item => item.KeyValue!), table);
                return table;
            default:
                throw new NotSupportedException(value.GetType().Name);
        }
    }

    static List<string> Names(KeySyntax key) => [Name(key.Key!), .. key.DotKeys.Select(dotted => Name(dotted.Key!))];

    static string Name(BareKeyOrStringValueSyntax key) => key switch
    {
        StringValueSyntax text => text.Value!,
        BareKeySyntax bare => bare.Key!.Text!,
        _ => throw new NotSupportedException(key.GetType().Name),
    };

    // Some messages go on with the text of what was there before, which may be long.
    static string Short(string message)
    {
        var text = message.Split(" with `")[0].ReplaceLineEndings(" ");
        return text.Length <= 200 ? text : text[..200] + "…";
    }
}
