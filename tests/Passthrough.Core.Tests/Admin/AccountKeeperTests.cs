using Passthrough.Core.Admin;
using Passthrough.Core.Oci;
using Passthrough.Core.Registry.Auth;

namespace Passthrough.Core.Tests.Admin;

/// <summary>The life of an account, on products of every kind of rotation.</summary>
public sealed class AccountKeeperTests
{
    const AccountAccess PullPush = AccountAccess.Pull | AccountAccess.Push;

    static readonly Reference Probe = new("registry.example.com", "mirror/passthrough-probe");

    readonly ManualTime time = new();
    readonly List<string> actions = [];
    readonly List<string> warnings = [];
    Credential? file;

    Task<AccountOutcome> Keep(IRegistryAdmin admin, AccountAccess access = PullPush, bool check = false, RotatePolicy rotate = RotatePolicy.OnInvalid, bool retire = false, bool outage = false, int? before = null, int? expires = null, string? secret = null)
    {
        // Seconds pass between runs, as they do.
        time.Pass(TimeSpan.FromSeconds(5));
        actions.Clear();
        warnings.Clear();
        var order = new AccountOrder(new AccountWish("mirror", access.HasFlag(AccountAccess.Push) ? "ocp-mirror" : "ocp-pull", access) { ExpiresDays = expires, Secret = secret })
        {
            Stored = file,
            Rotate = rotate,
            RotateBeforeDays = before,
            RetirePrevious = retire,
            AllowOutage = outage,
        };
        var keeper = new AccountKeeper(admin, new ChangeRunner(check, actions.Add), Probe, time, credential => file = check ? file : credential, warnings.Add);
        return keeper.KeepAsync(order, default);
    }

    public static TheoryData<RotationKind> Kinds => [RotationKind.InPlace, RotationKind.SecondAccount, RotationKind.SecondSecret];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Made_once_and_then_left_alone(RotationKind kind)
    {
        var admin = new PaperAdmin(kind, time);
        var predicted = await Keep(admin, check: true);
        Assert.Equal((true, null), (predicted.IsCreated, predicted.Credential));
        Assert.Empty(admin.Writes);
        var told = actions.ToList();

        var first = await Keep(admin);
        Assert.Equal((true, false), (first.IsCreated, first.IsRotated));
        Assert.Equal(told, actions);
        Assert.Equal("secret-1", file!.Password);

        var second = await Keep(admin);
        Assert.Equal((false, false, "secret-1"), (second.IsCreated, second.IsRotated, second.Credential!.Password));
        Assert.Empty(actions);
        Assert.Equal(["create ocp-mirror"], admin.Writes);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_run_that_was_stopped_after_making_the_account_is_repaired_without_a_second_one(RotationKind kind)
    {
        var admin = new PaperAdmin(kind, time) { AfterMint = () => throw new OperationCanceledException() };
        await Assert.ThrowsAsync<OperationCanceledException>(() => Keep(admin));
        Assert.Null(file);
        admin.AfterMint = () => { };

        var outcome = await Keep(admin);

        Assert.True(outcome.IsRotated);
        Assert.Equal("secret-2", file!.Password);
        var account = Assert.Single(admin.Accounts);
        Assert.Equal("secret-2", Assert.Single(account.Value.Secrets).Secret);
        Assert.Contains("was in none of the files, so it got a new one", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.False((await Keep(admin)).IsRotated);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task A_secret_that_is_refused_is_replaced_only_where_that_is_allowed(RotationKind kind)
    {
        var admin = new PaperAdmin(kind, time);
        await Keep(admin);
        file = file! with { Password = "altered" };

        var fault = await Assert.ThrowsAsync<ModuleException>(() => Keep(admin, rotate: RotatePolicy.Never));
        Assert.Equal(("the secret of robot$ocp-mirror is not good: unauthorized", "set rotate: on_invalid to give it a new one"), (fault.Message, fault.Hint));
        file = null;
        fault = await Assert.ThrowsAsync<ModuleException>(() => Keep(admin, rotate: RotatePolicy.Never));
        Assert.StartsWith("robot$ocp-mirror exists, and its secret is in none of the files", fault.Message, StringComparison.Ordinal);

        Assert.True((await Keep(admin, check: true)).IsRotated);
        Assert.Null(file);
        Assert.True((await Keep(admin)).IsRotated);
        Assert.Equal("secret-2", file!.Password);
    }

    [Fact]
    public async Task A_secret_that_the_server_shows_again_is_taken_from_there()
    {
        var admin = new PaperAdmin(RotationKind.InPlace, time);
        admin = new PaperAdmin(RotationKind.InPlace, time) { Capabilities = admin.Capabilities with { SecretIsReadable = true } };
        await Keep(admin);
        file = null;

        var outcome = await Keep(admin, rotate: RotatePolicy.Never);

        Assert.Equal((false, "secret-1", "secret-1"), (outcome.IsRotated, outcome.Credential!.Password, file!.Password));
        Assert.Empty(warnings);
    }

    [Fact]
    public async Task Rights_that_drifted_are_mended_and_a_disabled_account_is_enabled()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time);
        await Keep(admin);
        admin.Accounts["ocp-mirror"] = admin.Accounts["ocp-mirror"] with { Access = AccountAccess.Pull, IsEnabled = false };

        Assert.False((await Keep(admin, check: true)).IsRotated);
        Assert.False((await Keep(admin)).IsRotated);

        Assert.Equal((PullPush, true), (admin.Accounts["ocp-mirror"].Access, admin.Accounts["ocp-mirror"].IsEnabled));
        Assert.Equal(["let ocp-mirror Pull, Push"], actions);
    }

    [Fact]
    public async Task A_server_that_takes_a_change_and_does_not_show_it_is_found_out()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time);
        await Keep(admin);
        admin.Accounts["ocp-mirror"] = admin.Accounts["ocp-mirror"] with { Access = AccountAccess.Pull };
        admin.ForgetsRights = true;

        var fault = await Assert.ThrowsAsync<ModuleException>(() => Keep(admin));

        Assert.Equal("the registry took \"let ocp-mirror Pull, Push\" and does not show it afterwards", fault.Message);
    }

    [Fact]
    public async Task An_account_that_somebody_made_at_the_same_time_is_read_again()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time) { IsRaced = true };

        var outcome = await Keep(admin);

        Assert.True(outcome.IsRotated);
        Assert.Equal(["rotate ocp-mirror"], admin.Writes);
        Assert.Equal("secret-1", file!.Password);
    }

    [Fact]
    public async Task What_kills_the_old_secret_at_once_needs_to_be_allowed()
    {
        var admin = new PaperAdmin(RotationKind.InPlace, time);
        await Keep(admin);

        var fault = await Assert.ThrowsAsync<ModuleException>(() => Keep(admin, rotate: RotatePolicy.Always));
        Assert.Equal("rotate: always: robot$ocp-mirror would get a new secret, and Paper forgets the old one at once, so that whoever has it is locked out until it has the new one", fault.Message);
        Assert.StartsWith("set allow_outage: true", fault.Hint, StringComparison.Ordinal);

        Assert.True((await Keep(admin, rotate: RotatePolicy.Always, outage: true)).IsRotated);
        Assert.Equal("secret-2", file!.Password);
    }

    [Fact]
    public async Task What_pushes_goes_over_to_a_second_account_and_back_and_leaves_none_behind()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time);
        await Keep(admin);

        Assert.True((await Keep(admin, rotate: RotatePolicy.Always)).IsRotated);
        Assert.Equal(["create ocp-mirror", "create ocp-mirror-2", "remove ocp-mirror"], admin.Writes);
        Assert.Equal(("robot$ocp-mirror-2", "secret-2"), (file!.Username, file.Password));
        Assert.False((await Keep(admin)).IsRotated);
        Assert.True((await Keep(admin, rotate: RotatePolicy.Always)).IsRotated);
        Assert.Equal("ocp-mirror", Assert.Single(admin.Accounts).Key);

        // In its place where that is allowed.
        Assert.True((await Keep(admin, rotate: RotatePolicy.Always, outage: true)).IsRotated);
        Assert.Equal("ocp-mirror", Assert.Single(admin.Accounts).Key);
    }

    [Fact]
    public async Task What_the_cluster_pulls_with_stays_until_it_is_retired()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time);
        await Keep(admin, AccountAccess.Pull);

        await Keep(admin, AccountAccess.Pull, check: true, rotate: RotatePolicy.Always);
        Assert.Equal(["create robot account ocp-pull-2 that may pull in mirror"], actions);
        await Keep(admin, AccountAccess.Pull, rotate: RotatePolicy.Always);
        Assert.Equal(["ocp-pull", "ocp-pull-2"], admin.Accounts.Keys.Order());
        Assert.Equal("robot$ocp-pull still works: run this with retire_previous: true when the cluster has its new pull secret", Assert.Single(warnings));
        Assert.Equal("robot$ocp-pull-2", file!.Username);

        // Not a third one, and the first is not taken from under the cluster.
        var fault = await Assert.ThrowsAsync<ModuleException>(() => Keep(admin, AccountAccess.Pull, rotate: RotatePolicy.Always));
        Assert.Equal("robot$ocp-pull of the rotation before is still there beside robot$ocp-pull-2, and somebody may be using it", fault.Message);
        Assert.False((await Keep(admin, AccountAccess.Pull)).IsRotated);
        Assert.Equal(2, admin.Accounts.Count);

        await Keep(admin, AccountAccess.Pull, retire: true);
        Assert.Equal(["remove ocp-pull"], actions);
        Assert.Equal("ocp-pull-2", Assert.Single(admin.Accounts).Key);
        await Keep(admin, AccountAccess.Pull, retire: true);
        Assert.Empty(actions);
    }

    [Fact]
    public async Task A_second_account_that_nobody_knows_is_used_and_not_joined_by_a_third()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time);
        await Keep(admin, AccountAccess.Pull);
        admin.AfterMint = () => throw new OperationCanceledException();
        await Assert.ThrowsAsync<OperationCanceledException>(() => Keep(admin, AccountAccess.Pull, rotate: RotatePolicy.Always));
        admin.AfterMint = () => { };
        Assert.Equal("robot$ocp-pull", file!.Username);

        Assert.False((await Keep(admin, AccountAccess.Pull)).IsRotated);
        Assert.True((await Keep(admin, AccountAccess.Pull, rotate: RotatePolicy.Always)).IsRotated);

        Assert.Equal(["ocp-pull", "ocp-pull-2"], admin.Accounts.Keys.Order());
        Assert.Equal(("robot$ocp-pull-2", "secret-3"), (file!.Username, file.Password));
    }

    [Fact]
    public async Task Secrets_beside_each_other_are_retired_when_the_files_have_the_new_one()
    {
        var admin = new PaperAdmin(RotationKind.SecondSecret, time);
        await Keep(admin);
        await Keep(admin, rotate: RotatePolicy.Always);
        Assert.Equal("secret-2", Assert.Single(admin.Accounts["ocp-mirror"].Secrets).Secret);

        file = null;
        await Keep(admin, AccountAccess.Pull);
        await Keep(admin, AccountAccess.Pull, rotate: RotatePolicy.Always);
        Assert.Equal(2, admin.Accounts["ocp-pull"].Secrets.Count);
        Assert.StartsWith("an older secret of robot$ocp-pull still works", Assert.Single(warnings), StringComparison.Ordinal);
        await Keep(admin, AccountAccess.Pull, retire: true);
        Assert.Equal(file!.Password, Assert.Single(admin.Accounts["ocp-pull"].Secrets).Secret);
    }

    [Fact]
    public async Task A_secret_that_was_made_and_never_written_down_is_removed()
    {
        var admin = new PaperAdmin(RotationKind.SecondSecret, time);
        await Keep(admin, AccountAccess.Pull);
        admin.AfterMint = () => throw new OperationCanceledException();
        await Assert.ThrowsAsync<OperationCanceledException>(() => Keep(admin, AccountAccess.Pull, rotate: RotatePolicy.Always));
        admin.AfterMint = () => { };

        await Keep(admin, AccountAccess.Pull);

        Assert.Equal("secret-1", Assert.Single(admin.Accounts["ocp-pull"].Secrets).Secret);
        Assert.Equal(["remove secrets 2 of ocp-pull"], actions);
    }

    [Fact]
    public async Task An_account_that_ends_soon_is_replaced_in_time_and_one_that_ended_at_once()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time);
        await Keep(admin, expires: 30);
        time.Pass(TimeSpan.FromDays(10));
        Assert.False((await Keep(admin, expires: 30, before: 14)).IsRotated);
        time.Pass(TimeSpan.FromDays(10));
        Assert.False((await Keep(admin, expires: 30, before: 14, rotate: RotatePolicy.Never)).IsRotated);

        var outcome = await Keep(admin, expires: 30, before: 14);
        Assert.True(outcome.IsRotated);
        Assert.Equal(time.GetUtcNow().AddDays(30), outcome.ExpiresAt);

        time.Pass(TimeSpan.FromDays(31));
        var fault = await Assert.ThrowsAsync<ModuleException>(() => Keep(admin, rotate: RotatePolicy.Never));
        Assert.Contains("is not good: it expired on ", fault.Message, StringComparison.Ordinal);
        Assert.True((await Keep(admin, expires: 30)).IsRotated);
        Assert.Empty(warnings);
    }

    [Fact]
    public async Task An_own_secret_is_set_and_a_changed_one_replaces_it()
    {
        var admin = new PaperAdmin(RotationKind.InPlace, time);
        await Keep(admin, secret: "My0wnS3cret");
        Assert.Equal("My0wnS3cret", file!.Password);
        Assert.False((await Keep(admin, secret: "My0wnS3cret")).IsRotated);
        var fault = await Assert.ThrowsAsync<ModuleException>(() => Keep(admin, secret: "An0therS3cret"));
        Assert.StartsWith("another secret: ", fault.Message, StringComparison.Ordinal);
        Assert.True((await Keep(admin, secret: "An0therS3cret", outage: true)).IsRotated);
        Assert.Equal("An0therS3cret", file!.Password);
    }

    [Fact]
    public async Task A_login_name_that_changed_on_the_server_is_noticed_and_the_secret_kept()
    {
        var admin = new PaperAdmin(RotationKind.SecondAccount, time);
        await Keep(admin);
        // What the file has is from before an administrator changed robot_name_prefix.
        file = file! with { Username = "bot$ocp-mirror" };

        var outcome = await Keep(admin);

        Assert.Equal((false, "robot$ocp-mirror", "secret-1"), (outcome.IsRotated, file!.Username, file.Password));
    }

    [Fact]
    public async Task What_cannot_be_changed_is_told_before_it_is_tried()
    {
        var obstacle = new ModuleException(ErrorCodes.Unsupported, "harbor.example.com is read-only");
        var runner = new ChangeRunner(checkMode: false, actions.Add, obstacle);

        var fault = await Assert.ThrowsAsync<ModuleException>(() => runner.DoAsync<MintedSecret>("create project mirror", _ => throw new InvalidOperationException(), default));

        Assert.Equal("cannot create project mirror: harbor.example.com is read-only", fault.Message);
        Assert.Empty(actions);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Removing_takes_all_of_it(RotationKind kind)
    {
        var admin = new PaperAdmin(kind, time);
        await Keep(admin, AccountAccess.Pull);
        if (kind != RotationKind.InPlace)
            await Keep(admin, AccountAccess.Pull, rotate: RotatePolicy.Always);
        var keeper = new AccountKeeper(admin, new ChangeRunner(checkMode: false, actions.Add), Probe, time, _ => { }, warnings.Add);

        await keeper.RemoveAsync(new AccountWish("mirror", "ocp-pull", AccountAccess.Pull), default);

        Assert.Empty(admin.Accounts);
    }

    sealed class ManualTime : TimeProvider
    {
        DateTimeOffset now = new(2026, 11, 22, 6, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => now;

        public void Pass(TimeSpan span) => now += span;
    }
}
