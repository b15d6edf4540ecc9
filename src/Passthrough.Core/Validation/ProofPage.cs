using System.Globalization;
using System.Net;
using System.Text;

namespace Passthrough.Core.Validation;

/// <summary>
/// A report as one HTML page that needs nothing else: for each upstream registry the way from its names to the mirror, what came back, the control, and what is
/// proved and what not. No script, no address that a browser would ask; well-formed XML; the same report gives the same bytes.
/// </summary>
public static class ProofPage
{
    /// <param name="registry">The mirror, as people call it.</param>
    /// <param name="date">Stands in the head, as it is.</param>
    public static string Render(ProofReport report, string registry, string date)
    {
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <title>Registry Passthrough: validation {(report.Passed ? "passed" : "failed")}</title>
            <style>{ProofPageStyle.Css}</style>
            </head>
            <body>
            <header class="{Verdict(report.Passed)}">
            <p class="verdict">{(report.Passed ? "PASS" : "FAIL")}</p>
            <h1>{Text(report.Message)}</h1>
            {(report.Hint is null ? "" : $"<p>{Text(report.Hint)}</p>\n")}<p class="facts">{Text(registry)} · {Text(date)} · {Text(report.Tool is null ? "nothing was tried" : $"{report.Tool}, level {report.Level}")}</p>
            </header>

            """);
        foreach (var source in report.Images.GroupBy(read => read.Source.Registry, StringComparer.Ordinal).OrderBy(source => source.Key, StringComparer.Ordinal))
            Source(page, source.Key, [.. source], report.Controls);
        List(page, "Proved", "proved", report.Proved);
        List(page, "Not proved", "open", report.NotProved);
        return page.Append("</body>\n</html>\n").ToString();
    }

    /// <summary>The picture of one registry, and under it every read.</summary>
    static void Source(StringBuilder page, string source, List<ProofRead> reads, IEnumerable<ProofControl> controls)
    {
        var passed = reads.Count(read => read.Passed);
        page.Append(CultureInfo.InvariantCulture, $"""
            <section>
            <div class="way {Verdict(passed == reads.Count)}">
            <span class="place">{Text(source)}</span>
            <span class="arrow">{passed.ToString(CultureInfo.InvariantCulture)} of {reads.Count.ToString(CultureInfo.InvariantCulture)} reads</span>
            <span class="place">{string.Join("<br/>", reads.Select(MirrorOf).OfType<string>().Distinct(StringComparer.Ordinal).Select(Text).DefaultIfEmpty("nowhere"))}</span>
            <span class="result">{(passed == reads.Count ? "✔" : "✘")}</span>
            </div>

            """);
        foreach (var control in controls.Where(control => control.Source == source || control.Source.StartsWith(source + "/", StringComparison.Ordinal)))
        {
            page.Append(CultureInfo.InvariantCulture, $"""
                <div class="way control {Verdict(control.Passed)}">
                <span class="place">{Text(control.Source)}</span>
                <span class="arrow">without its mirrors</span>
                <span class="place">{(control.Passed ? "refused: blocked" : "not refused as it must be")}</span>
                <span class="result">{(control.Passed ? "✔" : "✘")}</span>
                </div>
                <details><summary>what the client said</summary><pre>{Text(control.Got)}</pre></details>

                """);
        }

        page.Append("<table>\n<thead><tr><th>Image</th><th>By</th><th>Digest</th><th>Result</th></tr></thead>\n<tbody>\n");
        foreach (var read in reads)
            Read(page, read);
        page.Append("</tbody>\n</table>\n</section>\n");
    }

    static void Read(StringBuilder page, ProofRead read)
    {
        var got = read.Got is null ? "nothing came" : read.Got == read.Expected ? read.Got.ToString() : $"{read.Got}, expected {read.Expected?.ToString() ?? "unknown"}";
        page.Append(CultureInfo.InvariantCulture, $"""
            <tr class="{Verdict(read.Passed)}">
            <td>{Text(read.ByTag ? read.Source.ToString() : read.Source.Name)}</td>
            <td>{(read.ByTag ? "tag" : "digest")}</td>
            <td><code>{Text(got!)}</code></td>
            <td>{(read.Passed ? "✔" : $"✘ {Text(read.Error!)}")}{(read.Command is null ? "" : $"<details><summary>command</summary><pre>{Text(read.Command)}</pre></details>")}</td>
            </tr>

            """);
    }

    static void List(StringBuilder page, string title, string kind, IReadOnlyCollection<string> sentences)
    {
        page.Append(CultureInfo.InvariantCulture, $"<section class=\"{kind}\">\n<h2>{title}</h2>\n<ul>\n");
        foreach (var sentence in sentences.DefaultIfEmpty("nothing"))
            page.Append(CultureInfo.InvariantCulture, $"<li>{Text(sentence)}</li>\n");
        page.Append("</ul>\n</section>\n");
    }

    /// <summary>The part of the mirror's name that stands for the source's registry.</summary>
    static string? MirrorOf(ProofRead read)
    {
        var path = read.Source.ToString()[read.Source.Registry.Length..];
        return read.Mirror is { } mirror && mirror.EndsWith(path, StringComparison.Ordinal) ? mirror[..^path.Length] : read.Mirror;
    }

    static string Verdict(bool passed) => passed ? "pass" : "fail";

    static string Text(string text) => WebUtility.HtmlEncode(text);
}
