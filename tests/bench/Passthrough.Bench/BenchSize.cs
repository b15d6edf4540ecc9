namespace Passthrough.Bench;

/// <summary>How large the set is, and how often everything is measured.</summary>
/// <param name="Images">Two platforms each.</param>
/// <param name="Mebibytes">Of unique blobs.</param>
/// <param name="Rounds">Medians are over these.</param>
sealed record BenchSize(int Images, int Mebibytes, int Rounds);
