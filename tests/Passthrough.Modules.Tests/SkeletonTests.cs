namespace Passthrough.Modules.Tests;

/// <summary>Replaced by the first real test.</summary>
public class SkeletonTests
{
    [Fact]
    public void The_project_runs() => Assert.True(true);
}
