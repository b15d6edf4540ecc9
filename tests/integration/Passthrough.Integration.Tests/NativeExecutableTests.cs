using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Processes;

namespace Passthrough.Integration.Tests;

/// <summary>What `make modules` built: small, the same under every name, and able to run on systems older than this one.</summary>
public partial class NativeExecutableTests
{
    /// <summary>Every task uploads it.</summary>
    const long MaximumSize = 14_000_000;

    /// <summary>Where the feed can link only .NET 9 (docs/adrs/0102-net9-fallback.md): its System.Linq is made for speed, and 1.6 MB larger.</summary>
    const long MaximumSizeOfNet9 = 18_500_000;

    /// <summary>RHEL 8's glibc, the oldest we promise.</summary>
    static readonly Version OldestGlibc = new(2, 28);

    static readonly string Checkout = Path.GetFullPath(Path.Combine(SourceFolder(), "../../.."));

    static readonly string[] Names = ["registry_auth", "mirror_repo", "image_archive", "icsp_render"];

    public static TheoryData<string> Modules => [.. Names];

    [Theory]
    [MemberData(nameof(Modules))]
    public void A_module_is_an_executable_within_its_budget(string module)
    {
        var file = new FileInfo(Executable(module));

        Assert.True(file.UnixFileMode.HasFlag(UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute), $"{file} is not executable: {file.UnixFileMode}");
        var isNet9 = File.ReadAllText(Path.Combine(Checkout, "artifacts", "feed.props")).Contains("<AotTargetFramework>net9.0<", StringComparison.Ordinal);
        var allowed = isNet9 ? MaximumSizeOfNet9 : MaximumSize;
        Assert.True(file.Length <= allowed, $"{file} has {file.Length:N0} bytes; {allowed:N0} are allowed. A package or a reflection-based call may have dragged code in.");
    }

    /// <summary>The environment of whoever runs it second: other words, other signs in numbers, tomorrow's date.</summary>
    [Fact]
    public async Task Another_locale_and_time_zone_change_no_byte()
    {
        using var folder = new TestFolder("elsewhere");
        var parameters = new Dictionary<string, object?>
        {
            ["registry_host"] = "registry.local:8443",
            ["dest_dir"] = folder["out"],
            ["registries"] = new[] { "quay.io", "INDEX.DOCKER.IO", "registry.redhat.io" },
            ["outputs"] = new[] { "manifests", "script", "metadata", "registries_conf", "hosts_toml", "install_config", "hypershift" },
        };
        (await NativeModule.Run("icsp_render", parameters, settings: In("C", "UTC"))).MustSucceed();
        var before = Read();

        foreach (var (locale, zone) in new[] { ("tr_TR.UTF-8", "Pacific/Kiritimati"), ("ar_SA.UTF-8", "America/St_Johns"), ("de_DE", "UTC-14") })
            Assert.False((await NativeModule.Run("icsp_render", parameters, settings: In(locale, zone))).MustSucceed().Changed);

        Assert.Equal(before, Read());

        CommandSettings In(string locale, string zone) => new() { Environment = new Dictionary<string, string?> { ["LC_ALL"] = locale, ["LANG"] = locale, ["TZ"] = zone } };
        Dictionary<string, string> Read() => Directory.GetFiles(folder["out"], "*", SearchOption.AllDirectories).ToDictionary(file => file, File.ReadAllText);
    }

    [Fact]
    public void The_modules_are_one_program()
    {
        var digests = Names.Select(name => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Executable(name))))).Distinct();

        Assert.Single(digests);
    }

    [Fact]
    public void The_program_needs_no_glibc_newer_than_RHEL_8_has()
    {
        // "  0x09691a75 0x00 03 GLIBC_2.2.5" under "Version References:"
        var needed = Output("objdump", "-p", Executable("registry_auth"));
        var newest = GlibcVersion().Matches(needed).Select(match => Version.Parse(match.Groups[1].Value)).Max();

        var reason = Path.Combine(Checkout, "artifacts/sysroot.unavailable");
        Assert.NotNull(newest);
        Assert.True(newest <= OldestGlibc, $"The program needs glibc {newest}, {OldestGlibc} is allowed. " + (File.Exists(reason)
            ? $"It was linked without a sysroot: {File.ReadAllText(reason).Trim()} (SYSROOT_MIRROR and SYSROOT: scripts/make-sysroot)"
            : "`objdump -T` names the symbols; src/Passthrough.Modules/native/math.c shows how to tie one to an older version."));
    }

    [Fact]
    public void The_native_publish_has_no_warning()
    {
        var log = File.ReadAllText(Path.Combine(Checkout, "artifacts/modules.log"));

        Assert.Contains("Generating native code", log);
        Assert.DoesNotMatch("warning|IL[0-9]{4}", log);
    }

    static string Executable(string module)
    {
        var path = Path.Combine(Checkout, "modules", module);
        Assert.True(File.Exists(path), $"{path} is missing: run `make modules`.");
        return path;
    }

    static string Output(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    [GeneratedRegex(@"GLIBC_([0-9]+\.[0-9.]+)")]
    private static partial Regex GlibcVersion();
}
