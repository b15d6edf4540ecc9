using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Oci;
using Passthrough.Testing;
using Passthrough.Testing.Ansible;
using Passthrough.Testing.Images;
using Passthrough.Testing.Processes;
using Passthrough.Testing.Registries;

namespace Passthrough.Demo;

/// <summary>
/// The main job on real programs: two docker-registry servers on 127.0.0.1, images made from Debian packages, and the user's day through
/// ansible-playbook and the shipped playbooks. Everything it writes lies under <c>artifacts/demo</c>.
/// </summary>
sealed class TheWholeWay : IAsyncDisposable
{
    const string UserName = "pusher";

    /// <summary>What the line to the mirror carries while a load is to be killed: slow enough to be somewhere in the middle.</summary>
    const long SlowBytesPerSecond = 8_000_000;

    static readonly string Folder = Path.Combine(Checkout.Artifacts, "demo");
    static readonly string Cache = Path.Combine(Folder, "cache");
    static readonly string Output = Path.Combine(Folder, "icsp");
    static readonly string Archives = Path.Combine(Folder, "images");
    static readonly string Logs = Path.Combine(Folder, "log");
    static readonly string Variables = Path.Combine(Folder, "passthrough-vars.yml");

    readonly Screen screen;
    readonly SecretCollector secrets = new();
    readonly string password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)) + "&/+%";
    readonly Pki pki;
    readonly AnsibleRunner ansible;
    readonly Skopeo skopeo;
    IReadOnlyList<DemoImage> images = [];
    DockerRegistry? upstream;
    DockerRegistry? mirror;
    int runs;

    public TheWholeWay(Screen screen)
    {
        this.screen = screen;
        Directory.CreateDirectory(Cache);
        foreach (var entry in new DirectoryInfo(Folder).EnumerateFileSystemInfos().Where(entry => entry.Name != "cache"))
        {
            if (entry is DirectoryInfo folder)
                folder.Delete(recursive: true);
            else
                entry.Delete();
        }

        Directory.CreateDirectory(Logs);
        secrets.AddSecret(UserName, password);
        pki = new Pki(Path.Combine(Folder, "pki"), "Passthrough demo CA");
        ansible = new AnsibleRunner(Path.Combine(Folder, "ansible")) { Collector = secrets };
        skopeo = new Skopeo(Path.Combine(Folder, "skopeo"));
    }

    DockerRegistry Upstream => upstream!;

    DockerRegistry Mirror => mirror!;

    /// <returns>Whether everything held.</returns>
    public async Task<bool> Run()
    {
        screen.Title("Registry Passthrough: images called quay.io/... out of a local registry, from one end to the other");
        try
        {
            await screen.Step("Two real registries on this machine", StartRegistries);
            await screen.Step("Images for amd64 and arm64, made from Debian packages, pushed upstream", FillUpstream);
            await screen.Step("Connected side: download into one archive", Download);
            await screen.Step("Disconnected side: setup (the upstream is stopped now)", Setup);
            await screen.Step("Push the archive into the mirror", Push);
            await screen.Step("Validate: pull every image by its upstream name, upstream blocked", Validate);
            await screen.Step("Everything again: nothing may change", Again);
            await screen.Step("A load that is killed half-way, finished by a second run", Accident);
            await screen.Step("Secrets in everything that was printed", CountSecrets);
            Finish();
            return true;
        }
        catch (Exception e) when (e is DemoFailure or InvalidOperationException or TimeoutException or IOException or HttpRequestException)
        {
            screen.Fact();
            screen.Failure($"FAILED: {e.Message}");
            screen.Fact($"Everything that was printed: {Relative(Logs)}");
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (upstream is not null)
            await upstream.DisposeAsync();
        if (mirror is not null)
            await mirror.DisposeAsync();
        pki.Dispose();
    }

    async Task StartRegistries()
    {
        upstream = await DockerRegistry.Start(Path.Combine(Folder, "upstream"));
        mirror = await DockerRegistry.Start(Path.Combine(Folder, "mirror"), new() { Pki = pki, Accounts = new Dictionary<string, string> { [UserName] = password } });
        screen.Facts("upstream", [$"{Upstream.Name}  plain HTTP; plays quay.io and registry.access.redhat.com"]);
        screen.Facts("mirror", [$"{Mirror.Name}  TLS from a CA made for this run, password by htpasswd"]);
        screen.Facts("software", [$"Debian's docker-registry, {(await Command.Run("skopeo", "--version")).Output.Trim()}, {(await Command.Run("ansible-playbook", "--version")).Output.Split('\n')[0].Trim()}"]);
    }

    async Task FillUpstream()
    {
        images = await DemoImages.Build(Cache);
        var layout = Path.Combine(Folder, "layout");
        OciLayout.Write(layout, images.ToDictionary(image => image.Source.ToString(), image => image.Image));
        foreach (var image in images)
        {
            await skopeo.Copy($"oci:{layout}:{image.Source}", $"docker://{Upstream.Name}/{image.Source}", skopeo.To(Upstream));
            screen.Fact($"{image.Source,-42}{Screen.Bytes(image.Size),9}  {image.Contents}");
        }

        Directory.Delete(layout, recursive: true);
        var blobs = images.SelectMany(image => image.Image.AllBlobs).ToList();
        var shared = blobs.GroupBy(blob => blob.Digest).Where(blob => blob.Count() == images.Count).ToList();
        screen.Fact($"{shared.Count / 2} layers of each platform are in all {images.Count} images; {Screen.Bytes(blobs.Sum(blob => (long)blob.Bytes.Length))} by name, {Screen.Bytes(Unique)} of content");
        File.WriteAllText(Variables, $"""
            # What a user sets for the demo's two registries. Credentials: REGISTRY_USERNAME and REGISTRY_PASSWORD in the environment.
            registry_type: distribution
            registry_local_uri: 127.0.0.1
            registry_local_port: "{Mirror.Port}"
            registry_ca_path: {pki.CaFile}
            icsp_template_dir: {Output}
            target_mirror_path: {Archives}
            source_mirror_path: {Archives}
            images:
            {string.Join('\n', images.Select(image => "  - " + image.Source))}
            # Where the upstream registries are asked: the local one that plays them.
            pull_from:
            {string.Join('\n', images.Select(image => image.Source.Registry).Distinct().Select(registry => $"  {registry}: http://{Upstream.Name}/{registry}"))}

            """);
    }

    async Task Download()
    {
        screen.Command("cd playbooks");
        await Play(Playbook.Download);
        var archive = new DirectoryInfo(Archives).GetFiles("*.tar").Single();
        screen.Facts("archive", [$"{Relative(archive.FullName)}  {Screen.Bytes(archive.Length)}"]);
    }

    async Task Setup()
    {
        await Upstream.Stop();
        screen.Command("export REGISTRY_USERNAME=... REGISTRY_PASSWORD=...");
        await Play(Playbook.Setup);
        screen.Facts("written", new DirectoryInfo(Output).GetFiles().Select(file => file.Name).Order(StringComparer.Ordinal));
        var rendered = new DirectoryInfo(Output).GetFiles("idms-*.yml").Single();
        screen.Fact($"{rendered.Name}, from its first line:");
        screen.Quote(File.ReadLines(rendered.FullName).Take(10));
    }

    async Task Push()
    {
        var mark = await Mirror.Mark();
        await Play(Playbook.Push);
        var uploads = Uploads(await Mirror.Requests(mark));
        DemoFailure.Unless(uploads.Count == uploads.Distinct().Count(), "a layer was uploaded twice");
        screen.Fact($"{uploads.Count} blobs uploaded once each, {(await Mirror.Requests(mark)).Count(request => request.IsMount)} mounted from where they already were");
    }

    async Task Validate()
    {
        var run = await Play(Playbook.Validate);
        var validation = run.Results("image_archive").Select(result => result["validation"]).OfType<JObject>().LastOrDefault()
            ?? throw new DemoFailure("the play proved nothing");
        DemoFailure.Unless((bool?)validation["passed"] == true, $"validation: {validation}");
        foreach (var image in images)
        {
            var raw = await skopeo.RawManifest(Mirror, $"mirror/{image.Source}");
            var digest = Digest.Sha256(Encoding.UTF8.GetBytes(raw));
            var pulls = validation["images"]!.Where(pull => ((string?)pull["source"])!.StartsWith(image.Source.Name, StringComparison.Ordinal)).ToList();
            DemoFailure.Unless(digest == image.Image.Digest, $"{image.Source} has another digest in the mirror: {digest}");
            DemoFailure.Unless(pulls.Count >= 2 && pulls.All(pull => (string?)pull["got"] == digest.ToString()), $"{image.Source} was not pulled by tag and by digest: {string.Join(' ', pulls)}");
            screen.Fact($"{image.Source} -> {Mirror.Name}/mirror/{image.Source}");
            screen.Fact($"  upstream {image.Image.Digest}");
            screen.Fact($"  mirror   {digest}  pulled by {string.Join(" and by ", pulls.Select(pull => (string?)pull["by"]).Distinct())}");
        }

        if (validation["images"]!.Select(pull => (string?)pull["command"]).FirstOrDefault(command => command is not null) is { } command)
        {
            screen.Fact("one of the pulls:");
            screen.Quote([Shorten(command)]);
        }

        screen.Fact("negative control, the same pull with the mirror taken out of the redirection:");
        foreach (var control in validation["controls"]!)
        {
            var got = (string?)control["got"] ?? "";
            DemoFailure.Unless(got.Contains("is blocked", StringComparison.Ordinal), $"the negative control gave: {got}");
            screen.Quote([$"{control["source"]}: {Shorten(got.Trim())}"]);
        }

        notProved = [.. validation["not_proved"]?.Select(item => (string)item!) ?? []];
    }

    string[] notProved = [];

    async Task Again()
    {
        await Upstream.Restart();
        var mark = await Mirror.Mark();
        foreach (var playbook in new[] { Playbook.Download, Playbook.Setup, Playbook.Push, Playbook.Validate })
        {
            var run = await Play(playbook, details: false);
            DemoFailure.Unless(run.Changed == 0, $"{playbook} changed something the second time:\n{string.Join('\n', run.Tasks.Where(task => (bool?)task.Result["changed"] == true).Select(task => task.Name))}");
        }

        DemoFailure.Unless((await Mirror.Writes(mark)).Count == 0, "the second day wrote to the mirror");
        screen.Fact("requests that write, in the mirror's log: 0");
        await Upstream.Stop();
    }

    async Task Accident()
    {
        // The same name, an empty registry behind it, and a line between that is slow enough to be cut at the half.
        var port = Mirror.Port;
        await Mirror.DisposeAsync();
        mirror = await DockerRegistry.Start(Path.Combine(Folder, "mirror-emptied"), new() { Pki = pki, Accounts = new Dictionary<string, string> { [UserName] = password } });
        screen.Fact($"the mirror is emptied; the line to it carries {Screen.Bytes(SlowBytesPerSecond)} a second");
        await using var line = new SlowLine(Mirror.Port, port, SlowBytesPerSecond);

        // In the foreground: in the background the module would be nobody's child.
        var push = Play(Playbook.Push, details: false, mayFail: true, "-e", "transfer_timeout=0");
        await Task.WhenAny(push, line.WhenSent(Unique / 2));
        DemoFailure.Unless(!push.IsCompleted, "the load ended before it could be killed");
        DemoFailure.Unless(Descendants.Kill("AnsiballZ_image_archive") == 1, "the running module was not found");
        DemoFailure.Unless(!(await push).Succeeded, "the play did not notice that its module was killed");
        await line.WhenIdle();
        await Mirror.Settle();
        var arrived = Uploads(await Mirror.Requests());
        var arrivedBytes = SizeOf(arrived);
        var cut = CutUploads();
        screen.Fact($"kill -9 after {Screen.Bytes(line.Sent)} on the line: {arrived.Count} blobs complete ({Screen.Bytes(arrivedBytes)}), {Screen.Bytes(cut)} of unfinished ones arrived");

        var mark = await Mirror.Mark();
        var second = await Play(Playbook.Push);
        var sentAgain = Uploads(await Mirror.Requests(mark));
        var resent = SizeOf(arrived.Intersect(sentAgain));
        DemoFailure.Unless(SizeOf(arrived.Union(sentAgain)) == Unique, "what the two runs uploaded is not what the images hold");
        screen.Fact($"the second run uploads {sentAgain.Count} blobs ({Screen.Bytes(SizeOf(sentAgain))})");
        DemoFailure.Unless(resent == 0, $"{Screen.Bytes(resent)} of blobs that had arrived complete were sent again");
        screen.Fact($"bytes resent after the kill: {Screen.Bytes(resent)} of complete blobs, {Screen.Bytes(cut)} of those that were cut");
        await Play(Playbook.Validate, details: false);
    }

    Task CountSecrets()
    {
        secrets.Add("the demo itself", screen.Shown);
        var found = secrets.Find();
        screen.Fact($"{runs} runs at -vvvv printed {secrets.Length.ToString("N0", CultureInfo.InvariantCulture)} characters");
        screen.Fact($"occurrences of the password, plain, base64 or URL-encoded: {found.Count}");
        DemoFailure.Unless(found.Count == 0, string.Join('\n', found));
        return Task.CompletedTask;
    }

    void Finish()
    {
        screen.Fact();
        screen.Title("Where things are");
        screen.Facts("variables", [Relative(Variables)]);
        screen.Facts("archive", new DirectoryInfo(Archives).GetFiles().Select(file => Relative(file.FullName)).Order(StringComparer.Ordinal));
        screen.Facts("rendered", [Relative(Output) + "/"]);
        screen.Facts("printed", [Relative(Logs) + "/  (every run at -vvvv)"]);
        screen.Fact();
        screen.Title("Not proved here");
        foreach (var item in notProved.Concat([
            "registries other than docker-registry: Quay, Harbor, Artifactory and mirror-registry were not asked",
        ]).Distinct())
            screen.Fact("- " + item);
        screen.Fact();
        screen.Title("Time");
        screen.Times();
        screen.Fact();
        screen.Success("Everything held.");
    }

    long Unique => images.SelectMany(image => image.Image.AllBlobs).DistinctBy(blob => blob.Digest).Sum(blob => (long)blob.Bytes.Length);

    /// <summary>Runs a playbook as a user does, shows its command line, what our modules said, and the recap.</summary>
    async Task<AnsibleRun> Play(string playbook, bool details = true, bool mayFail = false, params string[] more)
    {
        screen.Command($"ansible-playbook -i inventory {playbook} -e @{Path.GetRelativePath(Checkout.Playbooks, Variables)}");
        var run = await ansible.Playbook(playbook, ["-i", "inventory", "-e", $"@{Variables}", "-vvvv", .. more], new CommandSettings
        {
            WorkingDirectory = Checkout.Playbooks,
            Environment = new Dictionary<string, string?> { ["REGISTRY_USERNAME"] = UserName, ["REGISTRY_PASSWORD"] = password },
        });
        var log = Path.Combine(Logs, $"{++runs:D2}-{Path.GetFileNameWithoutExtension(playbook)}.log");
        File.WriteAllText(log, run.Command.ToString());
        if (details)
        {
            foreach (var task in run.Tasks.Where(task => Modules.Contains(task.Module) && task.Status == "ok" && task.Name != Preflight))
                screen.Facts(task.Module, [Shorten((string?)task.Result["msg"] ?? "")]);
        }

        foreach (var (host, recap) in run.Recap)
            screen.Fact($"{host} : ok={recap.Ok} changed={recap.Changed} unreachable={recap.Unreachable} failed={recap.Failed}");
        DemoFailure.Unless(run.Succeeded || mayFail, $"{playbook}: {string.Join("; ", run.Tasks.Where(task => task.Status == "failed").Select(task => $"{task.Name}: {task.Result["msg"]}"))}\nsee {Relative(log)}");
        return run;
    }

    /// <summary>Of tasks/preflight.yml: tries whether modules run at all.</summary>
    const string Preflight = "Run a module that changes nothing";

    static readonly string[] Modules = ["registry_auth", "mirror_repo", "image_archive", "icsp_render"];

    /// <summary>Bytes of uploads that were cut: docker-registry keeps them until its purge.</summary>
    long CutUploads() => new DirectoryInfo(Mirror.Storage).EnumerateFiles("data", SearchOption.AllDirectories)
        .Where(file => file.FullName.Contains("/_uploads/", StringComparison.Ordinal)).Sum(file => file.Length);

    static List<string> Uploads(IEnumerable<RegistryRequest> requests) => [.. requests.Select(request => request.UploadedBlob).OfType<string>()];

    long SizeOf(IEnumerable<string> digests)
    {
        var sizes = images.SelectMany(image => image.Image.AllBlobs).DistinctBy(blob => blob.Digest).ToDictionary(blob => blob.Digest.ToString(), blob => (long)blob.Bytes.Length);
        return digests.Distinct().Sum(digest => sizes.GetValueOrDefault(digest));
    }

    static string Relative(string path) => Path.GetRelativePath(Checkout.Root, path);

    static string Shorten(string text) => text.Replace(Checkout.Root + "/", "", StringComparison.Ordinal);
}
