namespace Passthrough.Core.Archive.Formats;

/// <summary>
/// What users should know about the operator catalogs in archives of oc-mirror, which offers only some of their operators.
/// </summary>
static class OcMirrorCatalogs
{
    public static string Filtered(string name) =>
        $"{name} is the catalog that oc-mirror has filtered; its digest differs from the upstream's, so pulls by the upstream's digest "
            + "will not find it";

    public static string Unfiltered(string name) =>
        $"{name} is delivered unfiltered, since the archive has no filtered catalog: it offers operators whose images are not in the "
            + "archive";

    public static string Graph(string name, string delivered) =>
        $"{name} was built by oc-mirror and has no upstream: it is delivered as {delivered}, for graphDataImage of an UpdateService";
}
