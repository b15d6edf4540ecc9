namespace Passthrough.Core.Registry;

/// <summary>
/// A token that follows another one after a while: for requests whose outcome must be known although the run was stopped.
/// </summary>
sealed class Grace : IDisposable
{
    readonly CancellationTokenSource source = new();
    readonly CancellationTokenRegistration registration;

    public Grace(TimeSpan length, CancellationToken cancellation) => registration = cancellation.Register(() => source.CancelAfter(length));

    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        registration.Dispose();
        source.Dispose();
    }
}
