using System.Globalization;
using Passthrough.Bench;

// BENCH_IMAGES, BENCH_MIB and BENCH_ROUNDS say how large and how often; make bench MIB=450 ROUNDS=5 sets them.
var size = new BenchSize(Number("BENCH_IMAGES", 12), Number("BENCH_MIB", 96), Number("BENCH_ROUNDS", 3));
await using var bench = new Bench(size);
Console.Write(await bench.Run());
return 0;

static int Number(string name, int otherwise) =>
    int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : otherwise;
