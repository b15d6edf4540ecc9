namespace Passthrough.Demo;

/// <summary>The shipped playbooks of the user's day, by file name.</summary>
static class Playbook
{
    public const string Download = "download-to-tar.yml";
    public const string Setup = "setup-registry-passthrough.yml";
    public const string Push = "push-tar-to-registry.yml";
    public const string Validate = "validate-passthrough-mode.yml";
}
