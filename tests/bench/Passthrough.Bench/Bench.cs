using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Bench;

/// <summary>
/// image_archive beside skopeo and beside the least that the work costs, in one run, against a real registry with TLS and a login. Every round begins with empty
/// registries and measures each of them once; what counts are the ratios of the medians.
/// </summary>
sealed class Bench(BenchSize size) : IAsyncDisposable
{
    const string UserName = "bench";
    const string Few = "load of 10 images";
    const string Many = "load of 100 images";
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);

    readonly TestFolder folder = new("bench");
    readonly Dictionary<string, List<double>> seconds = new(StringComparer.Ordinal);
    readonly Dictionary<string, BuiltImage> images = BenchImages.Build(size);
    TimeSpan ownProcessorTime;
    long peakKibibytes;
    int registries;

    string Archive => folder["set.tar"];

    public async Task<string> Run()
    {
        using var pki = new Pki(folder["pki"]);
        OciLayout.Write(folder["layout"], images);
        (await Command.Run(["tar", "-C", folder["layout"], "-cf", Archive, "."], new CommandSettings { Timeout = Patience })).MustSucceed();
        var floor = new Floor(folder, "floor", images);
        var floors = new Dictionary<string, Floor>(StringComparer.Ordinal);
        foreach (var (name, count) in new[] { (Few, 10), (Many, 100) })
        {
            var set = BenchImages.Build(size with { Images = count });
            OciLayout.WriteTar(folder[$"{name}.tar"], set);
            floors[name] = new Floor(folder, $"floor of {name}", set);
        }

        for (var round = 0; round < size.Rounds; round++)
        {
            await OnEmpty(pki, async registry => Note("load floor", await floor.Load(registry)));
            await OnEmpty(pki, async registry =>
            {
                Note("load", await Module(registry, "loaded", ("path", Archive)));
                Note("rerun", await Module(registry, "loaded", ("path", Archive)));
                Note("save", await Module(registry, "saved", ("path", folder["saved.tar"]), ("images", images.Keys.ToArray()), ("pull_from", new Dictionary<string, string> { ["quay.io"] = $"{registry.Address}mirror/quay.io" })));
                File.Delete(folder["saved.tar"]);
                Note("save floor", await floor.Save(registry));
                Note("save skopeo", await SkopeoSave(registry));
            });
            await OnEmpty(pki, async registry =>
            {
                Note("load skopeo oci-archive", await SkopeoLoad(registry, $"oci-archive:{Archive}"));
                Note("rerun skopeo", await SkopeoLoad(registry, $"oci-archive:{Archive}"));
            });
            await OnEmpty(pki, async registry => Note("load skopeo oci", await SkopeoLoad(registry, $"oci:{folder["layout"]}")));
            foreach (var (name, floorOf) in floors)
            {
                await OnEmpty(pki, async registry => Note($"{name}: floor", await floorOf.Load(registry)));
                await OnEmpty(pki, async registry =>
                {
                    Note(name, await Module(registry, "loaded", ("path", folder[$"{name}.tar"])));
                    Note($"{name}: processor time of image_archive", ownProcessorTime);
                    Note($"{name}: processor time of the registry", registry.ProcessorTime);
                });
            }

            Note("verify", await Module(null, "verified", ("path", Archive)));
            Note("verify sha256sum", (await Shell($"find layout/blobs -type f -print0 | xargs -0 -n 1 -P {Environment.ProcessorCount} sha256sum")).Duration);
        }

        return Table();
    }

    async Task OnEmpty(Pki pki, Func<DockerRegistry, Task> work)
    {
        var place = folder[$"registry{registries++}"];
        await using (var registry = await DockerRegistry.Start(place, new() { Pki = pki, Accounts = new Dictionary<string, string> { [UserName] = "s3cret" } }))
            await work(registry);
        Directory.Delete(place, recursive: true);
        // What one contestant has left to the disk is not the next one's work.
        await Command.Run("sync");
    }

    async Task<TimeSpan> Module(DockerRegistry? registry, string state, params (string Name, object Value)[] more)
    {
        var parameters = registry?.Parameters() ?? [];
        if (state == "saved")
            parameters = new() { ["authfile"] = registry!.WriteAuthFile(folder["auth.json"]) };
        parameters["state"] = state;
        foreach (var (name, value) in more)
            parameters[name] = value;
        string[] command = NativeModule.CommandLine(folder, "image_archive", parameters, checkMode: false);
        var memory = folder["memory"];
        var environment = registry?.Environment() ?? [];
        if (state == "saved")
            environment["SSL_CERT_FILE"] = registry!.CaFile;
        var result = (await Command.Run(["/usr/bin/time", "-f", "%M %U %S", "-o", memory, .. command], new CommandSettings { Timeout = Patience, Environment = environment })).MustSucceed();
        if (new ModuleAnswer(result).MustSucceed().Json["images"] is not JArray { Count: > 0 })
            throw new InvalidOperationException(result.ToString());
        var measured = (await File.ReadAllTextAsync(memory)).Trim().Split(' ');
        peakKibibytes = Math.Max(peakKibibytes, long.Parse(measured[0], CultureInfo.InvariantCulture));
        ownProcessorTime = TimeSpan.FromSeconds(double.Parse(measured[1], CultureInfo.InvariantCulture) + double.Parse(measured[2], CultureInfo.InvariantCulture));
        return result.Duration;
    }

    async Task<TimeSpan> SkopeoLoad(DockerRegistry registry, string source)
    {
        var skopeo = new Skopeo(folder["skopeo"]);
        var options = skopeo.To(registry);
        var spent = TimeSpan.Zero;
        foreach (var name in images.Keys)
            spent += (await skopeo.Run(["copy", "--quiet", "--all", "--preserve-digests", .. options, $"{source}:{name}", $"docker://{registry.Name}/{Floor.RepositoryOf(name)}:1.0"])).MustSucceed().Duration;
        return spent;
    }

    async Task<TimeSpan> SkopeoSave(DockerRegistry registry)
    {
        var skopeo = new Skopeo(folder["skopeo"]);
        var options = skopeo.From(registry);
        var spent = TimeSpan.Zero;
        foreach (var name in images.Keys)
            spent += (await skopeo.Run(["copy", "--quiet", "--all", "--preserve-digests", .. options, $"docker://{registry.Name}/{Floor.RepositoryOf(name)}:1.0", $"oci:{folder["skopeo-layout"]}:{name}"])).MustSucceed().Duration;
        spent += (await Shell("tar -C skopeo-layout -cf skopeo.tar .")).Duration;
        Directory.Delete(folder["skopeo-layout"], recursive: true);
        File.Delete(folder["skopeo.tar"]);
        return spent;
    }

    async Task<CommandResult> Shell(string line) =>
        (await Command.Run(["sh", "-c", line], new CommandSettings { WorkingDirectory = folder.Path, Timeout = Patience })).MustSucceed();

    void Note(string what, TimeSpan time)
    {
        if (!seconds.TryGetValue(what, out var all))
            seconds[what] = all = [];
        all.Add(time.TotalSeconds);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {time.TotalSeconds:0.00} s"));
    }

    string Table()
    {
        var blobs = images.Values.SelectMany(image => image.AllBlobs).DistinctBy(blob => blob.Digest).ToList();
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{images.Count} images of 2 platforms, {blobs.Sum(blob => (long)blob.Bytes.Length) >> 20} MiB in {blobs.Count} unique blobs; {RuntimeInformation.OSDescription}, {Environment.ProcessorCount} cores; medians of {size.Rounds}.");
        text.AppendLine();
        text.AppendLine("| | image_archive | beside | ratio | goal |");
        text.AppendLine("|---|---|---|---|---|");
        Row(text, "load", "load skopeo oci-archive", "skopeo copy oci-archive:, per image", 0.35);
        Row(text, "load", "load skopeo oci", "skopeo copy oci:, per image", 0.7);
        Row(text, "load", "load floor", "curl -Z, the floor", 1.4);
        Row(text, "rerun", "rerun skopeo", "skopeo copy oci-archive: again", 0.05);
        Row(text, "save", "save skopeo", "skopeo copy into a layout, and tar", 0.5);
        Row(text, "save", "save floor", "curl -Z and cat, the floor", 1.8);
        Row(text, "verify", "verify sha256sum", "sha256sum on the same cores", 1.3);
        Row(text, Many, Few, "as many bytes in 10 images", 1.5);
        Row(text, Many, $"{Many}: floor", "curl -Z, the floor", 1.4);
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"curl -Z itself needs {Median($"{Many}: floor") / Median($"{Few}: floor"):0.00} times as long for 100 images as for 10. Processor time, 10 and 100 images: the registry {Median($"{Few}: processor time of the registry"):0.0} and {Median($"{Many}: processor time of the registry"):0.0} s, image_archive {Median($"{Few}: processor time of image_archive"):0.0} and {Median($"{Many}: processor time of image_archive"):0.0} s.");
        text.AppendLine(CultureInfo.InvariantCulture, $"The most memory that image_archive had: {peakKibibytes / 1024} MiB.");
        return text.ToString();
    }

    void Row(StringBuilder text, string what, string other, string title, double goal)
    {
        var (own, beside) = (Median(what), Median(other));
        text.AppendLine(CultureInfo.InvariantCulture, $"| {what} | {own:0.00} s | {title}: {beside:0.00} s | {own / beside:0.00} | ≤ {goal:0.00} |");
    }

    double Median(string what)
    {
        var sorted = seconds[what].Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }

    public ValueTask DisposeAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
