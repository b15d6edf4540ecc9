using System.Net;
using Passthrough.Core.Registry.Http;

namespace Passthrough.Core.Tests.Registry;

public sealed class RetryTests
{
    static readonly ModuleException Fault = new(ErrorCodes.Server, "cannot do it");

    /// <summary>Every wait is over at once, and noted.</summary>
    sealed class SkippingTime : TimeProvider
    {
        DateTimeOffset now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public List<double> Pauses { get; } = [];

        public override DateTimeOffset GetUtcNow() => now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime > TimeSpan.Zero)
            {
                Pauses.Add(dueTime.TotalSeconds);
                now += dueTime;
            }

            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }

    static async Task<(List<double> Pauses, ModuleException? Fault)> Run(int retries, Func<int, Exception?> attempt, double random = 1)
    {
        var time = new SkippingTime();
        var count = 0;
        try
        {
            await new Retry(retries, time, () => random).RunAsync(_ => attempt(count++) is { } e ? Task.FromException<bool>(e) : Task.FromResult(true), default);
            return (time.Pauses, null);
        }
        catch (ModuleException e)
        {
            return (time.Pauses, e);
        }
    }

    [Fact]
    public async Task Pauses_double_up_to_half_a_minute()
    {
        var (pauses, fault) = await Run(9, _ => new PassingFault(Fault));

        Assert.Equal([0.5, 1, 2, 4, 8, 16, 30, 30, 30], pauses);
        Assert.Equal("cannot do it (tried 10 times)", fault!.Message);
        Assert.Equal(ErrorCodes.Server, fault.Code);
    }

    [Fact]
    public async Task Jitter_takes_any_part_of_a_pause() =>
        Assert.Equal([0.125, 0.25], (await Run(5, number => number < 2 ? new PassingFault(Fault) : null, random: 0.25)).Pauses);

    [Fact]
    public async Task What_the_registry_asks_for_wins() =>
        Assert.Equal([420, 0.5 * 2], (await Run(5, number => number switch { 0 => new PassingFault(Fault, TimeSpan.FromMinutes(7)), 1 => new PassingFault(Fault), _ => null })).Pauses);

    [Fact]
    public async Task A_fault_that_stays_is_not_tried_again()
    {
        var (pauses, fault) = await Run(5, _ => Fault);

        Assert.Empty(pauses);
        Assert.Same(Fault, fault);
        Assert.Same(Fault, (await Run(0, _ => new PassingFault(Fault))).Fault);
    }

    [Theory]
    [InlineData("0", 2.0)]
    [InlineData("60", 60.0)]
    [InlineData("Fri, 02 Jan 2026 03:05:05 GMT", 60.0)]
    [InlineData("Fri, 02 Jan 2026 03:00:00 GMT", 2.0)]
    [InlineData("soon", null)]
    public void Retry_after_is_read_as_seconds_or_as_a_date(string header, double? seconds)
    {
        using var response = new HttpResponseMessage(HttpStatusCode.TooManyRequests);
        response.Headers.TryAddWithoutValidation("Retry-After", header);

        Assert.Equal(seconds, Retry.AskedPause(response, Fault, new SkippingTime())?.TotalSeconds);
    }

    [Fact]
    public void More_than_ten_minutes_are_told_instead_of_waited_for()
    {
        using var response = new HttpResponseMessage(HttpStatusCode.TooManyRequests);
        response.Headers.TryAddWithoutValidation("Retry-After", "3600");

        var fault = Assert.Throws<ModuleException>(() => Retry.AskedPause(response, Fault, new SkippingTime()));

        Assert.Equal("cannot do it; it asks to come back at 2026-01-02 04:04:05 UTC", fault.Message);
    }

    [Theory]
    [InlineData(200, false)]
    [InlineData(400, false)]
    [InlineData(401, false)]
    [InlineData(404, false)]
    [InlineData(408, true)]
    [InlineData(425, true)]
    [InlineData(429, true)]
    [InlineData(499, true)]
    [InlineData(500, true)]
    [InlineData(501, false)]
    [InlineData(503, true)]
    [InlineData(522, true)]
    public void Which_answers_may_be_others_a_moment_later(int status, bool mayPass) => Assert.Equal(mayPass, Retry.MayPass((HttpStatusCode)status));
}
