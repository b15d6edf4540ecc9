namespace Passthrough.Core.Registry.Http;

/// <summary>A fault after which the same request may succeed. It never leaves <see cref="Retry"/>.</summary>
sealed class PassingFault(ModuleException fault, TimeSpan? retryAfter = null) : Exception(fault.Message, fault)
{
    public ModuleException Fault => fault;

    /// <summary>How long the server asked to wait.</summary>
    public TimeSpan? RetryAfter => retryAfter;
}
