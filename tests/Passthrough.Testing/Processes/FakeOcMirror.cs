namespace Passthrough.Testing.Processes;

/// <summary>
/// A program that takes its command line as oc-mirror of one release does: flags, help, exit codes, where its words go, which files
/// it writes, and which it deletes. Read from cmd/oc-mirror/main.go, pkg/cli/mirror/options.go, internal/pkg/cli/executor.go and
/// internal/pkg/archive/archive.go of each release branch of https://github.com/openshift/oc-mirror. It downloads nothing: its
/// archives hold a line of text.
/// </summary>
public sealed class FakeOcMirror
{
    const string V1Options = """
          -c, --config=''             Path to imageset configuration file
              --continue-on-error     If an error occurs, keep going
              --max-per-registry=6    Number of concurrent requests allowed per registry
              --skip-cleanup          Skip removal of artifact directories
              --skip-missing          If an input image is not found, skip them.
        """;

    const string V2Options = """
          -c, --config string         Path to imageset configuration file
              --from string           Local storage directory for disk to mirror workflow
              --workspace string      oc-mirror workspace where resources and internal artifacts are generated
        """;

    readonly string folder;

    /// <param name="folder">Where it is put; goes into the PATH.</param>
    /// <param name="release">As <c>4.16</c>; the behaviour is that of its branch.</param>
    public FakeOcMirror(string folder, string release)
    {
        this.folder = Directory.CreateDirectory(folder).FullName;
        var minor = int.Parse(release.Split('.')[1], System.Globalization.CultureInfo.InvariantCulture);
        var path = Path.Combine(folder, "oc-mirror");
        File.WriteAllText(path, Script(minor));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>A PATH in which it comes first.</summary>
    public string SearchPath => $"{folder}:{Environment.GetEnvironmentVariable("PATH")}";

    /// <summary>The command lines so far.</summary>
    public string[] Calls => File.Exists(Path.Combine(folder, "calls")) ? File.ReadAllLines(Path.Combine(folder, "calls")) : [];

    /// <summary>The downloads so far.</summary>
    public string[] Downloads => [.. Calls.Where(call => call.Contains("file://", StringComparison.Ordinal))];

    /// <summary>The next downloads end as v2 does when operators fail: the rest is copied, the archive is half, exit code 4.</summary>
    public void Fail() => File.WriteAllText(Path.Combine(folder, "fails"), "");

    public void Recover() => File.Delete(Path.Combine(folder, "fails"));

    /// <summary>The next downloads take until <see cref="GoOn"/>.</summary>
    public void Hold() => File.WriteAllText(Path.Combine(folder, "held"), "");

    public void GoOn() => File.Delete(Path.Combine(folder, "held"));

    string Script(int minor)
    {
        var v2 = minor switch
        {
            < 16 => " - PLEASE DO NOT USE that. V2 is still under development and it is not ready to be used.",
            < 18 => " - This is Tech Preview, it is still under development and it is not production ready.",
            _ => "",
        };
        var flags = $"      --v2                    Redirect the flow to oc-mirror v2{v2}\n";
        if (minor >= 16)
            flags += "      --v1                    Redirect the flow to oc-mirror v1 (legacy code).\n";
        var parallel = minor < 18 ? "" : "\n      --parallel-images uint  Indicates the number of images mirrored in parallel (default 4)";
        return $$"""
            #!/bin/bash
            # Behaves as oc-mirror 4.{{minor}}.
            here={{Command.Quote(folder)}}
            printf '%s\n' "$*" >>"$here/calls"
            v1= v2= help= config= target= known='-c --config --help --v2'
            for word; do
              case $word in --v1) v1=1 ;; --v2) v2=1 ;; --help) help=1 ;; file://*) target=${word#file://} ;; esac
              [ "$previous" != --config ] || config=$word
              previous=$word
            done
            # The Executor of v2 prints its errors on stdout, v1 on stderr.
            v2error() { printf '2026/10/15 14:16:47  [ERROR]  : [%s] %s\n' "$1" "$2"; }
            v1error() { printf 'error: %s\n' "$1" >&2; exit 1; }
            fatal() { printf 'F1015 14:16:47.168696   46762 main.go:54] %s\n' "$1" >&2; exit 255; }
            if [ {{minor}} -ge 21 ]; then
              [ -z "$v1" ] || [ -z "$v2" ] || fatal 'the flags --v1 and --v2 are mutually exclusive'
              mandatory='the use of the flag --v1 or --v2 is mandatory, please use --v2 for the supported oc-mirror version'
              [ -n "$v1$v2" ] || fatal "⚠️  $mandatory or --v1 to continue using the deprecated version"
            fi
            # Without --v2 every release is v1; --v2 of 4.14 and 4.15 is a placeholder.
            edition=v1
            [ -z "$v2" ] || edition=v2
            if [ "$edition" = v2 ] && [ {{minor}} -lt 16 ]; then echo 'Hello from v2'; exit 1; fi
            [ -z "$v1" ] || [ {{minor}} -ge 16 ] || v1error 'unknown flag: --v1'
            if [ -n "$help" ]; then
              if [ "$edition" = v1 ]; then cat <<'END'
            Usage:
              oc-mirror <destination type>:<destination location> [flags]
            {{V1Options}}
            {{flags}}
            END
              else cat <<'END'
            Flags:
            {{V2Options}}{{parallel}}
            END
              fi
              exit 0
            fi
            for word; do
              case $edition$word in
              v1--config | v1--v1 | v1--max-per-registry | v1--continue-on-error | v1--skip-missing | v1--skip-cleanup) ;;
              v2--config | v2--v2) ;;
              v2--parallel-images) [ {{minor}} -ge 18 ] || { v2error Executor "unknown flag: $word"; exit 1; } ;;
              v1--*) v1error "unknown flag: $word" ;;
              v2--*) v2error Executor "unknown flag: $word"; exit 1 ;;
              esac
            done
            while [ -e "$here/held" ]; do sleep 0.2; done
            if [ "$edition" = v1 ]; then
              grep -q 'apiVersion: mirror.openshift.io/v1alpha2' "$config" || v1error 'config GVK not recognized'
              grep -q storageConfig "$config" || v1error 'no storage backend configured'
              mkdir -p "$target/publish"
              sequence=$(($(cat "$target/publish/.metadata.json" 2>/dev/null || echo 0) + 1))
              echo "$sequence" >"$target/publish/.metadata.json"
              echo "v1 of 4.{{minor}}, sequence $sequence" >"$target/mirror_seq${sequence}_000000.tar"
              exit 0
            fi
            grep -q 'apiVersion: mirror.openshift.io/v2alpha1' "$config" || { v2error Executor 'apiVersion is not v2alpha1'; exit 1; }
            ! grep -q storageConfig "$config" || { v2error Executor 'json: unknown field "storageConfig"'; exit 1; }
            # RemovePastArchives: before each run, whoever wrote them.
            rm -f "$target"/mirror_*.tar
            mkdir -p "$target/working-dir/logs"
            echo 'run' >>"$target/working-dir/runs"
            echo "v2 of 4.{{minor}}, run $(wc -l <"$target/working-dir/runs")" >"$target/mirror_000001.tar"
            if grep -q archiveSize "$config"; then echo 'the second part' >"$target/mirror_000002.tar"; fi
            if [ -e "$here/fails" ]; then
              for n in 1 2 3; do echo "2026/10/15 14:16:47  [INFO]   : copying image $n"; done
              v2error $'\033[31mWorker' $'error mirroring image registry.redhat.io/a@sha256:12 error: unauthorized\033[0m'
              v2error Executor 'some errors occurred during the mirroring'
              echo '2026/10/15 14:16:49  [INFO]   : 👋 Goodbye, thank you for using oc-mirror' >&2
              exit 4
            fi

            """;
    }
}
