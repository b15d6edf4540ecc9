namespace Passthrough.Demo;

/// <summary>Something that the demo shows did not hold.</summary>
sealed class DemoFailure(string message) : Exception(message)
{
    public static void Unless(bool holds, string message)
    {
        if (!holds)
            throw new DemoFailure(message);
    }
}
