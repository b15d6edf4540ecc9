using Passthrough.Testing.Replay;

namespace Passthrough.Core.Tests.Testing.Harbor;

/// <summary>Plays a recording piece by piece, so that two that were made at the same time can be put in the order of the events.</summary>
sealed class Tape(IReadOnlyList<RecordedExchange> exchanges)
{
    int at;

    /// <summary>Up to the first exchange of this headline, that one included.</summary>
    public IEnumerable<RecordedExchange> Through(string title) => Take(exchange => exchange.Title == title, title);

    /// <summary>The rest of the part that has begun, or the next one.</summary>
    public IEnumerable<RecordedExchange> RestOf(string section) => Take(exchange => exchange.Section == section && (IsLast || exchanges[at].Section != section), section);

    public IEnumerable<RecordedExchange> Rest() => Take(_ => IsLast, "end");

    bool IsLast => at == exchanges.Count;

    List<RecordedExchange> Take(Func<RecordedExchange, bool> isLast, string what)
    {
        var piece = new List<RecordedExchange>();
        while (!IsLast)
        {
            piece.Add(exchanges[at++]);
            if (isLast(piece[^1]))
                return piece;
        }

        throw new InvalidOperationException($"the recording has no \"{what}\" from here on");
    }
}
