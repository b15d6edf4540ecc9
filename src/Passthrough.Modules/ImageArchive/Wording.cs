using System.Globalization;

namespace Passthrough.Modules.ImageArchive;

/// <summary>Numbers as people read them.</summary>
static class Wording
{
    static readonly string[] Units = ["KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary><c>1 image</c>, <c>38 images</c>.</summary>
    public static string Images(int count) => count == 1 ? "1 image" : string.Create(CultureInfo.InvariantCulture, $"{count} images");

    /// <summary><c>6 images</c>, <c>6 images and 2 referrers</c>.</summary>
    public static string ImagesAndReferrers(int images, int referrers) =>
        referrers == 0 ? Images(images) : string.Create(CultureInfo.InvariantCulture, $"{Images(images)} and "
            + $"{(referrers == 1 ? "1 referrer" : $"{referrers} referrers")}");

    /// <summary><c>512 bytes</c>, <c>41.2 GiB</c>.</summary>
    public static string Bytes(long bytes)
    {
        if (bytes < 1024)
            return string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes");
        var value = bytes / 1024d;
        var unit = 0;
        // What would round to 1024.0 is 1.0 of the next.
        for (; value >= 1023.95 && unit < Units.Length - 1; unit++)
            value /= 1024;
        return string.Create(CultureInfo.InvariantCulture, $"{value:0.0} {Units[unit]}");
    }

    /// <summary><c>0.4 s</c>, <c>12 s</c>, <c>6 min 12 s</c>, <c>2 h 3 min</c>.</summary>
    public static string Duration(TimeSpan time) => time.TotalSeconds switch
    {
        < 10 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        < 60 => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        < 3600 => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes} min {time.Seconds} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours} h {time.Minutes} min"),
    };

    /// <summary><c>6 min 12 s, 34.0 MiB/s</c>; only the time where nothing moved.</summary>
    public static string Pace(long bytes, TimeSpan time) =>
        bytes > 0 && time > TimeSpan.Zero ? $"{Duration(time)}, {Bytes((long)(bytes / time.TotalSeconds))}/s" : Duration(time);
}
