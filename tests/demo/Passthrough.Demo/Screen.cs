using System.Diagnostics;
using System.Globalization;

namespace Passthrough.Demo;

/// <summary>What a person sees: numbered steps with their times, indented facts. Colours on a terminal, plain ASCII anywhere else.</summary>
sealed class Screen(TextWriter output, bool colours)
{
    readonly Stopwatch total = Stopwatch.StartNew();
    readonly List<(string Title, TimeSpan Time)> steps = [];
    readonly System.Text.StringBuilder shown = new();

    /// <summary>Everything shown so far.</summary>
    public string Shown => shown.ToString();

    public TimeSpan Elapsed => total.Elapsed;

    /// <summary>Shows a step's title, does it, and shows how long it took.</summary>
    public async Task Step(string title, Func<Task> work)
    {
        Line();
        Line(Bold($"{steps.Count + 1}. {title}"));
        var watch = Stopwatch.StartNew();
        await work();
        steps.Add((title, watch.Elapsed));
        Line(Dim($"   ({Seconds(watch.Elapsed)})"));
    }

    public void Title(string text) => Line(Bold(text));

    /// <summary>A command as a user types it.</summary>
    public void Command(string text) => Line("   " + Cyan("$ " + text));

    public void Fact(string text = "") => Line(text.Length == 0 ? "" : "   " + text);

    public void Facts(string label, IEnumerable<string> values)
    {
        foreach (var value in values)
        {
            Fact($"{label,-14}{value}");
            label = "";
        }
    }

    /// <summary>Lines of a file, marked as quoted.</summary>
    public void Quote(IEnumerable<string> lines)
    {
        foreach (var line in lines)
            Line("   " + Dim("| ") + line);
    }

    public void Failure(string text) => Line(Red(text));

    public void Success(string text) => Line(Green(text));

    public void Times()
    {
        foreach (var (title, time) in steps)
            Fact($"{Seconds(time),8}  {title}");
        Fact($"{Seconds(total.Elapsed),8}  in all");
    }

    public static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("F1", CultureInfo.InvariantCulture) + " s";

    public static string Bytes(long bytes) => bytes switch
    {
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 10_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1000.0:F0} kB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1_000_000.0:F1} MB"),
    };

    void Line(string text = "")
    {
        output.WriteLine(text);
        output.Flush();
        shown.AppendLine(text);
    }

    string Bold(string text) => Colour("1", text);

    string Dim(string text) => Colour("2", text);

    string Cyan(string text) => Colour("36", text);

    string Red(string text) => Colour("1;31", text);

    string Green(string text) => Colour("1;32", text);

    string Colour(string code, string text) => colours ? $"\e[{code}m{text}\e[0m" : text;
}
