using Passthrough.Core.Registry;

namespace Passthrough.Core.Admin;

/// <summary>Harbor (registries.md A).</summary>
public static class HarborAdmin
{
    public static readonly RegistryProduct Product = new("harbor", "Harbor", new RegistryTraits { HasReferrersApi = true, Upload = UploadForm.PostPatchPut });
}
