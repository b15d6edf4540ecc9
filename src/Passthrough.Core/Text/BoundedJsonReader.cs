using System.Globalization;
using Newtonsoft.Json;

namespace Passthrough.Core.Text;

/// <summary>
/// Reads JSON and stops before what is made of it grows beyond <see cref="Limits"/>: a value takes a hundred times the memory of its
/// text, so it is values that are counted, not bytes; and no string, name, number or comment is longer than its bound.
/// </summary>
sealed class BoundedJsonReader : JsonTextReader
{
    int values;

    public BoundedJsonReader(TextReader text)
        : base(text)
    {
        DateParseHandling = DateParseHandling.None;
        MaxDepth = Limits.DocumentDepth;
        ArrayPool = new Buffers();
    }

    /// <summary>What follows is held by itself: it is counted anew.</summary>
    public void StartValue() => values = 0;

    public override bool Read()
    {
        if (!base.Read())
            return false;
        if (TokenType is not (JsonToken.EndArray or JsonToken.EndObject) && ++values > Limits.DocumentValues)
            throw new JsonLimitException(string.Create(CultureInfo.InvariantCulture, $"has more than {Limits.DocumentValues} JSON values"));
        return true;
    }

    /// <summary>The library asks for a larger buffer when a token does not fit into the one it has.</summary>
    sealed class Buffers : IArrayPool<char>
    {
        public char[] Rent(int minimumLength) =>
            minimumLength <= 2 * Limits.JsonTextLength
                ? new char[minimumLength]
                : throw new JsonLimitException(string.Create(CultureInfo.InvariantCulture,
                    $"has a JSON string of more than {Limits.JsonTextLength} characters"));

        public void Return(char[]? array)
        {
        }
    }
}
