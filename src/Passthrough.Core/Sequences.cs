namespace Passthrough;

/// <summary>
/// LINQ's Select, Where and SelectMany with one iterator each. System.Linq has up to six types for every pair of element types, which nothing removes from the
/// native program: together they were a twentieth of it. Code below this namespace finds these first, by the rules of C# for extension methods.
/// </summary>
public static class Sequences
{
    public static IEnumerable<TResult> Select<TSource, TResult>(this IEnumerable<TSource> source, Func<TSource, TResult> selector)
    {
        foreach (var item in source)
            yield return selector(item);
    }

    public static IEnumerable<TSource> Where<TSource>(this IEnumerable<TSource> source, Func<TSource, bool> predicate)
    {
        foreach (var item in source)
        {
            if (predicate(item))
                yield return item;
        }
    }

    public static IEnumerable<TResult> SelectMany<TSource, TResult>(this IEnumerable<TSource> source, Func<TSource, IEnumerable<TResult>> selector)
    {
        foreach (var item in source)
        {
            foreach (var result in selector(item))
                yield return result;
        }
    }
}
