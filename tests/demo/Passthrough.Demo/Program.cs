using Passthrough.Demo;
var images = await DemoImages.Build(Path.Combine(Passthrough.Testing.Checkout.Artifacts, "demo", "cache"));
foreach (var i in images) Console.WriteLine($"{i.Source} {i.Image.Digest} {Screen.Bytes(i.Size)}");
Console.WriteLine(Screen.Bytes(images.SelectMany(i=>i.Image.AllBlobs).DistinctBy(b=>b.Digest).Sum(b=>(long)b.Bytes.Length)));
