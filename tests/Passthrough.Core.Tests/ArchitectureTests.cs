using System.Text.RegularExpressions;
using Passthrough.Testing;

namespace Passthrough.Core.Tests;

/// <summary>
/// Dependencies point one way (docs/architecture.md). A folder is a part; what it may use stands here, and a new arrow is a decision that is made here.
/// </summary>
public sealed partial class ArchitectureTests
{
    /// <summary>What each part may use beside the root of Core, which uses nothing.</summary>
    static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Core"] = [],
        ["Core.Text"] = [],
        ["Core.Files"] = ["Core.Text"],
        ["Core.Oci"] = ["Core.Text"],
        ["Core.Ansible"] = ["Core.Files", "Core.Text"],
        ["Core.Programs"] = [],
        ["Core.Registry"] = ["Core.Oci", "Core.Files", "Core.Programs", "Core.Text"],
        ["Core.Mirroring"] = ["Core.Registry", "Core.Oci", "Core.Files", "Core.Text"],
        ["Core.Archive"] = ["Core.Registry", "Core.Oci", "Core.Files", "Core.Text"],
        ["Core.Releases"] = ["Core.Registry", "Core.Oci", "Core.Files", "Core.Text"],
        ["Core.Admin"] = ["Core.Registry", "Core.Oci", "Core.Files", "Core.Text"],
        ["Core.Validation"] = ["Core.Mirroring", "Core.Archive", "Core.Registry", "Core.Oci", "Core.Files", "Core.Programs", "Core.Text"],
    };

    static readonly string[] Core = [.. Allowed.Keys];

    /// <summary>Every C# file under src, as its path from there and its text without comments.</summary>
    static readonly IReadOnlyList<(string Path, string Code)> Sources =
    [
        .. Directory.EnumerateFiles(Checkout.PathOf("src"), "*.cs", SearchOption.AllDirectories)
            .Select(path => (Path.GetRelativePath(Checkout.PathOf("src"), path), CommentLine().Replace(File.ReadAllText(path), ""))),
    ];

    [Fact]
    public void Parts_use_only_what_is_below_them()
    {
        Assert.NotEmpty(Sources);
        var wrong = from source in Sources
                    let part = PartOf(source.Path)
                    from used in UsedBy(source.Code)
                    where used != part && used != "Core" && !AllowedFor(part).Contains(used)
                    select $"{source.Path}: {part} may not use {used}";

        Assert.Empty(wrong.Distinct());
    }

    [Fact]
    public void Every_part_has_its_place_here() =>
        Assert.Empty(Sources.Select(source => PartOf(source.Path)).Where(part => part.StartsWith("Core", StringComparison.Ordinal) && !Allowed.ContainsKey(part)).Distinct());

    /// <summary>A file's namespace is its folder: else the rule above would be read past it.</summary>
    [Fact]
    public void Namespaces_are_folders()
    {
        var wrong = from source in Sources
                    let declared = Namespace().Match(source.Code)
                    where declared.Success && declared.Groups[1].Value != Path.GetDirectoryName(source.Path)!.Replace('/', '.')
                    select $"{source.Path}: namespace {declared.Groups[1].Value}";

        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData(
        @"\b(JsonTextReader|JsonTextWriter|JsonLoadSettings|JsonSerializerSettings)\b"
            + @"|\bJ(Token|Object|Array|Value)\.(Parse|Load|ReadFrom)\b",
        "Passthrough.Core/Text/")]
    [InlineData(@"\bYamlDotNet\b", "Passthrough.Core/Text/")]
    [InlineData(@"\bTomlyn\b", "Passthrough.Core/Text/")]
    [InlineData(@"\bSystem\.Text\.Json\b", "nobody")]
    [InlineData(@"\b(EntryPoint = ""write""|partial \w+ write\()", "Passthrough.Core/Ansible/StandardOutput.cs")]
    [InlineData(@"\bProcess(StartInfo|\.Start)\b", "Passthrough.Core/Programs/HostProgram.cs")]
    [InlineData(@"\bGetCommandLineArgs\b", "Passthrough.Modules/Program.cs")]
    [InlineData(@"\bPosixSignalRegistration\b", "Passthrough.Core/Ansible/ModuleHost.cs")]
    [InlineData(@"(?<!\.)\bStandardOutput\.Write", "Passthrough.Core/Ansible/")]
    [InlineData(@"#region|#pragma warning disable(?! \w+ //)", "nobody")]
    public void What_has_one_place_stays_there(string pattern, string place)
    {
        var others = Sources.Where(source => !source.Path.StartsWith(place, StringComparison.Ordinal) && Regex.IsMatch(source.Code, pattern)).Select(source => source.Path);

        Assert.Empty(others);
    }

    [Fact]
    public void Names_say_what_things_are() =>
        Assert.DoesNotContain(Sources.Select(source => Path.GetFileNameWithoutExtension(source.Path)), name => VagueName().IsMatch(name));

    // Core.Registry.Http is a room of Core.Registry; each module is a part of its own.
    static string PartOf(string path) => Part(Path.GetDirectoryName(path)!.Replace('/', '.'));

    static string Part(string name)
    {
        var words = name.Split('.');
        return string.Join('.', words[1..Math.Min(words.Length, 3)]);
    }

    // What is no folder is a type of the root.
    static IEnumerable<string> UsedBy(string code) => Used().Matches(code).Select(match => Part(match.Value)).Select(part => part.StartsWith("Core.", StringComparison.Ordinal) && !Allowed.ContainsKey(part) ? "Core" : part);

    static IEnumerable<string> AllowedFor(string part) => part switch
    {
        // The program and its table compose the modules.
        "Modules" => [.. Sources.Select(source => PartOf(source.Path)).Where(other => other.StartsWith("Modules.", StringComparison.Ordinal)), .. Core],
        "Modules.Shared" => Core,
        _ when part.StartsWith("Modules.", StringComparison.Ordinal) => [.. Core, "Modules.Shared"],
        _ => Allowed.GetValueOrDefault(part, []),
    };

    /// <summary>In a using line, or written out where it is used.</summary>
    [GeneratedRegex(@"\bPassthrough\.(Core|Modules)(\.[A-Z]\w+)?(?=[.;])")]
    private static partial Regex Used();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^\s*//.*$", RegexOptions.Multiline)]
    private static partial Regex CommentLine();

    /// <summary>A credential helper is docker's word for a program.</summary>
    [GeneratedRegex("(?<!Credential)(Helper|Util|Manager)s?$")]
    private static partial Regex VagueName();
}
