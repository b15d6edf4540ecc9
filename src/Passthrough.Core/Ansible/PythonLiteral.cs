using System.Globalization;
using System.Text;
using Newtonsoft.Json.Linq;

namespace Passthrough.Core.Ansible;

/// <summary>Dictionaries and lists in Python's notation (<c>{'a': True, 'b': [None]}</c>), which templates leave behind where JSON was meant.</summary>
ref struct PythonLiteral
{
    const int MaxDepth = 64;

    readonly ReadOnlySpan<char> text;
    int position;
    int depth;

    PythonLiteral(ReadOnlySpan<char> text) => this.text = text;

    /// <summary>Null where the text is no literal.</summary>
    public static JToken? TryParse(string text)
    {
        var reader = new PythonLiteral(text);
        var value = reader.Value();
        reader.SkipBlanks();
        return reader.position == text.Length ? value : null;
    }

    JToken? Value()
    {
        SkipBlanks();
        if (position >= text.Length || depth > MaxDepth)
            return null;
        return text[position] switch
        {
            '{' => Dictionary(),
            '[' => Sequence(']'),
            '(' => Sequence(')'),
            '\'' or '"' => Text() is { } value ? new JValue(value) : null,
            _ => Word(),
        };
    }

    JObject? Dictionary()
    {
        position++;
        depth++;
        var json = new JObject();
        while (!Take('}'))
        {
            if (Value() is not JValue key || !Take(':') || Value() is not { } value)
                return null;
            json[key.ToString(CultureInfo.InvariantCulture)] = value;
            if (!Take(',') && !Peek('}'))
                return null;
        }

        depth--;
        return json;
    }

    JArray? Sequence(char end)
    {
        position++;
        depth++;
        var items = new JArray();
        while (!Take(end))
        {
            if (Value() is not { } value)
                return null;
            items.Add(value);
            if (!Take(',') && !Peek(end))
                return null;
        }

        depth--;
        return items;
    }

    string? Text()
    {
        var quote = text[position++];
        var value = new StringBuilder();
        while (position < text.Length)
        {
            var c = text[position++];
            if (c == quote)
                return value.ToString();
            if (c == '\\' && position < text.Length)
            {
                c = text[position++] switch { 'n' => '\n', 't' => '\t', 'r' => '\r', var other => other };
            }

            value.Append(c);
        }

        return null;
    }

    JValue? Word()
    {
        var start = position;
        while (position < text.Length && (char.IsAsciiLetterOrDigit(text[position]) || text[position] is '+' or '-' or '.' or '_'))
            position++;
        var word = text[start..position];
        return word switch
        {
            "True" => new JValue(true),
            "False" => new JValue(false),
            "None" => JValue.CreateNull(),
            _ when long.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => new JValue(number),
            _ when double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => new JValue(number),
            _ => null,
        };
    }

    bool Take(char c)
    {
        if (!Peek(c))
            return false;
        position++;
        return true;
    }

    bool Peek(char c)
    {
        SkipBlanks();
        return position < text.Length && text[position] == c;
    }

    void SkipBlanks()
    {
        while (position < text.Length && char.IsWhiteSpace(text[position]))
            position++;
    }
}
