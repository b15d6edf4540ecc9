using Passthrough.Demo;

// The kernel kills the servers with this process; on Ctrl-C they are stopped in order first.
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};

var terminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null;
var screen = new Screen(Console.Out, terminal);
try
{
    await using var demo = new TheWholeWay(screen);
    return await demo.Run().WaitAsync(stop.Token) ? 0 : 1;
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    screen.Failure("Stopped.");
    return 130;
}
