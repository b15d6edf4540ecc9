using System.Net.Sockets;
using System.Security.Authentication;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Ansible;
using Passthrough.Core.Text;

namespace Passthrough.Core.Tests.Ansible;

/// <summary>What a module answers, as Ansible reads it: whatever the module does.</summary>
public sealed class ModuleHostTests
{
    [Fact]
    public async Task A_success_has_what_every_result_has()
    {
        var answer = await Run(context =>
        {
            context.Actions.Add("create project mirror");
            context.Warnings.Add("doubtful");
            context.Warnings.Add("doubtful");
            return new ModuleResult { Changed = true, Message = "made", Data = new JObject { ["files"] = new JArray("a") }, Diffs = [new("a.yml", "", "new\n")] };
        });

        Assert.Equal("""{"msg":"made","changed":true,"files":["a"],"actions":["create project mirror"],"warnings":["doubtful"]}""", Json.Compact(answer));
    }

    [Fact]
    public async Task A_diff_is_shown_to_who_asked_for_it()
    {
        var answer = await Run(_ => new ModuleResult { Changed = true, Message = "made", Diffs = [new("a.yml", "old\n", "new\n")] }, new RunOptions { Diff = true, InjectInvocation = false });

        Assert.Equal("""[{"before_header":"a.yml","after_header":"a.yml","before":"old\n","after":"new\n"}]""", Json.Compact(answer["diff"]!));
    }

    [Fact]
    public async Task A_name_that_goes_is_told_as_Ansible_tells_it()
    {
        var answer = await Run(_ => new ModuleResult { Changed = false, Message = "fine" }, arguments: new JObject { ["label"] = "x" });

        Assert.Equal(
            """[{"msg":"Alias 'label' is deprecated. See the module docs for more information","version":"2.0.0","collection_name":"disconnected.passthrough"}]""",
            Json.Compact(answer["deprecations"]!));
        Assert.Null(answer["warnings"]);
    }

    [Fact]
    public async Task A_fault_has_a_sentence_a_code_and_a_hint()
    {
        var answer = await Run(context =>
        {
            context.Actions.Add("tried");
            throw new ModuleException("DENIED", "quay.io refuses", "log in") { HttpStatus = 403, Image = "quay.io/a/b:v1", Blob = "sha256:0" };
        });

        Assert.Equal(
            """{"changed":false,"failed":true,"msg":"quay.io refuses; log in","error":{"code":"DENIED","hint":"log in","http_status":403,"image":"quay.io/a/b:v1","blob":"sha256:0"},"actions":["tried"]}""",
            Json.Compact(answer));
    }

    [Fact]
    public async Task A_fault_keeps_the_data_that_is_worth_it()
    {
        var answer = await Run(_ => new ModuleResult { Changed = true, Message = "unused", Data = new JObject { ["images"] = new JArray("one") }, Failure = new ModuleException("SERVER", "two images failed.", "run it again") });

        Assert.Equal("""{"changed":true,"failed":true,"msg":"two images failed. Run it again","error":{"code":"SERVER","hint":"run it again"},"images":["one"],"actions":[]}""", Json.Compact(answer));
    }

    public static TheoryData<Exception, string> Faults => new()
    {
        { new TimeoutException("x"), ErrorCodes.Timeout },
        { new TaskCanceledException("x", new TimeoutException()), ErrorCodes.Timeout },
        { new HttpRequestException(HttpRequestError.NameResolutionError, "x"), ErrorCodes.NameResolution },
        { new SocketException((int)SocketError.HostNotFound), ErrorCodes.NameResolution },
        { new HttpRequestException(HttpRequestError.SecureConnectionError, "x", new AuthenticationException("untrusted")), ErrorCodes.Tls },
        { new AuthenticationException("x"), ErrorCodes.Tls },
        { new HttpRequestException("x"), ErrorCodes.Connection },
        { new SocketException((int)SocketError.ConnectionRefused), ErrorCodes.Connection },
        { new IOException("x", 28), ErrorCodes.DiskFull },
        { new IOException("x"), ErrorCodes.File },
        { new UnauthorizedAccessException("x"), ErrorCodes.File },
        { new FileNotFoundException("x"), ErrorCodes.File },
        { new AggregateException(new AuthenticationException("x")), ErrorCodes.Tls },
        { new TypeInitializationException("T", new FileNotFoundException("x")), ErrorCodes.File },
        { new InvalidOperationException("x"), ErrorCodes.Internal },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_escapes_a_module_becomes_a_code_and_a_sentence(Exception escaped, string code)
    {
        var answer = await Run(_ => throw escaped);

        Assert.Equal(code, (string?)answer["error"]!["code"]);
        Assert.True((bool?)answer["failed"]);
        Assert.Equal(code == ErrorCodes.Internal, answer.ContainsKey("exception"));
        Assert.DoesNotContain('\n', (string)answer["msg"]!);
    }

    [Fact]
    public async Task The_stack_of_a_fault_is_for_who_asks_with_vvv()
    {
        var answer = await Run(_ => throw new ModuleException("FILE", "cannot read", inner: new IOException("the cause")), new RunOptions { Verbosity = 3 });

        Assert.Contains("the cause", (string?)answer["exception"], StringComparison.Ordinal);
        Assert.DoesNotContain("the cause", (string?)answer["msg"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_signal_ends_the_run_with_an_answer()
    {
        using var stop = new CancellationTokenSource();
        var running = ModuleHost.ExecuteAsync(
            new ModuleCommand(new TestModule(async (_, cancellation) =>
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancellation);
                throw new NotSupportedException();
            }), [], new RunOptions()),
            new Dictionary<string, string>(StringComparer.Ordinal),
            stop.Token);

        Assert.Equal(ErrorCodes.Cancelled, (string?)(await running)["error"]!["code"]);
    }

    [Theory]
    [InlineData("results")]
    [InlineData("rc")]
    [InlineData("skipped")]
    [InlineData("failed")]
    [InlineData("_ansible_no_log")]
    public async Task Data_under_a_name_that_ansible_gives_a_meaning_is_a_defect(string name)
    {
        var answer = await Run(_ => new ModuleResult { Changed = false, Message = "fine", Data = new JObject { [name] = false } });

        Assert.Equal(ErrorCodes.Internal, (string?)answer["error"]!["code"]);
        Assert.Contains(name, (string?)answer["msg"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_server_sent_can_be_read_by_every_core()
    {
        var answer = await Run(_ => new ModuleResult { Changed = false, Message = "half \ud800 pair", Data = new JObject { ["server"] = new JObject { ["__ansible_type"] = "x", ["k\udc00"] = "v" } } });

        Assert.Equal("half \ufffd pair", (string?)answer["msg"]);
        Assert.Equal("""{"ansible_type":"x","k\ufffd":"v"}""", Json.CompactAscii(answer["server"]!));
    }

    [Fact]
    public async Task The_invocation_shows_every_parameter_and_no_secret()
    {
        var answer = await Run(_ => Fine, new RunOptions(), new JObject { ["name"] = "n", ["password"] = "hunter2", ["items"] = new JArray(new JObject { ["key"] = "k3y-value", ["note"] = "with hunter2" }) });

        Assert.Equal(
            """{"module_args":{"name":"n","password":"VALUE_SPECIFIED_IN_NO_LOG_PARAMETER","flag":true,"items":[{"key":"VALUE_SPECIFIED_IN_NO_LOG_PARAMETER","note":"with ********"}]}}""",
            Json.Compact(answer["invocation"]!));
    }

    [Fact]
    public async Task Since_core_2_21_there_is_no_invocation_unless_it_is_wanted() =>
        Assert.False((await Run(_ => Fine, new RunOptions { InjectInvocation = false })).ContainsKey("invocation"));

    [Fact]
    public async Task Secrets_come_out_nowhere()
    {
        var answer = await Run(
            context =>
            {
                context.Secrets.Add("minted-token");
                context.Actions.Add("log in with hunter2");
                context.Warnings.Add("minted-token is old");
                return new ModuleResult
                {
                    Changed = true,
                    Message = "hunter2 works",
                    Data = new JObject { ["k3y-value"] = "x", ["nested"] = new JObject { ["at hunter2"] = new JArray("minted-token") } },
                    Diffs = [new("file", "hunter2\n", "minted-token\n")],
                    Failure = new ModuleException("DENIED", "hunter2 refused", "try minted-token", new IOException("hunter2")),
                };
            },
            new RunOptions { Diff = true, Verbosity = 4 },
            new JObject { ["password"] = "hunter2", ["name"] = "is hunter2 too" });

        var text = Json.Compact(answer);
        Assert.DoesNotContain("hunter2", text, StringComparison.Ordinal);
        Assert.DoesNotContain("minted-token", text, StringComparison.Ordinal);
        Assert.Contains("exception", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_answer_keeps_its_names_whatever_the_password_is()
    {
        var answer = await Run(_ => throw new ModuleException("FILE", "it failed"), arguments: new JObject { ["password"] = "failed" });

        Assert.True((bool?)answer["failed"]);
    }

    [Fact]
    public async Task A_wrong_parameter_of_a_run_with_a_secret_does_not_print_it()
    {
        var answer = await Run(_ => Fine, arguments: new JObject { ["password"] = "hunter2", ["flag"] = "hunter2" });

        Assert.Equal(ErrorCodes.InvalidArgument, (string?)answer["error"]!["code"]);
        Assert.DoesNotContain("hunter2", Json.Compact(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Entries_of_long_lists_are_masked_too()
    {
        var answer = await Run(context =>
        {
            context.Secrets.Add("hunter2");
            return Fine with { Lists = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal) { ["images"] = [new JObject { ["ref"] = "quay.io/hunter2/a" }, "hunter2"] } };
        });

        Assert.Equal("""[{"ref":"quay.io/********/a"},"VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"]""", Json.Compact(answer["images"]!));
    }

    [Fact]
    public async Task A_long_list_takes_no_name_of_Ansible_s()
    {
        var answer = await Run(_ => Fine with { Lists = new Dictionary<string, IEnumerable<JToken>>(StringComparer.Ordinal) { ["results"] = [] } });

        Assert.True((bool)answer["failed"]!);
        Assert.Contains("results", (string)answer["msg"]!, StringComparison.Ordinal);
    }

    static ModuleResult Fine => new() { Changed = false, Message = "fine" };

    static Task<JObject> Run(Func<ModuleContext, ModuleResult> work, RunOptions? options = null, JObject? arguments = null) => ModuleHost.ExecuteAsync(
        new ModuleCommand(new TestModule((context, _) => Task.FromResult(work(context))), arguments ?? [], options ?? new RunOptions { InjectInvocation = false }),
        new Dictionary<string, string>(StringComparer.Ordinal),
        CancellationToken.None);
}
