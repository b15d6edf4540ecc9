namespace Passthrough.Core.Registry.Http;

/// <summary>
/// What a user can do about a fault of a connection or a login. The parameters that name the target registry do nothing for an upstream,
/// which is reached by
/// its name, <c>pull_from</c>, certs.d, the system's trust store and the auth file.
/// </summary>
/// <param name="Upstream">The role of an upstream; null for the target registry.</param>
/// <param name="Authority">The registry, as references and auth files name it.</param>
sealed record Remedies(UpstreamRole? Upstream, string Authority)
{
    string Folder => $"/etc/containers/certs.d/{Upstream!.Name}";

    /// <summary>The address is wrong.</summary>
    public string Address => Upstream switch
    {
        null => "correct registry_host and registry_port",
        { StandsIn: true } => $"correct the entry of pull_from that names {Authority}",
        _ => $"correct the image reference, or name another place for {Authority} in pull_from",
    };

    public string Name => $"{(Upstream is null ? "correct registry_host" : Address)}, or add the name to DNS or /etc/hosts of the "
        + $"host that runs the module";

    public string NotListening =>
        Upstream is null ? "start the registry, or correct registry_host and registry_port" : $"check that {Authority} is up, or {Address}";

    /// <summary>It serves plain HTTP and was asked with TLS.</summary>
    public string NoTls => Upstream switch
    {
        null => "set scheme: http if the registry serves plain HTTP, or correct registry_port",
        { StandsIn: true } => $"if it serves plain HTTP, write http:// before {Authority} in pull_from",
        _ => $"if it serves plain HTTP, set pull_from: {{\"{Authority}\": \"http://{Authority}\"}}",
    };

    /// <summary>It wants TLS and was asked with plain HTTP.</summary>
    public string NeedsTls => Upstream is null ? "set scheme: https" : $"write https:// before {Authority} in pull_from";

    public string Untrusted => Upstream is null
        ? "give the PEM file of its CA in ca_path (registry_ca_path in the playbooks)"
        : $"put the PEM file of its CA at {Folder}/ca.crt, or add the CA to the system's trust store";

    public string ClientCertificate => Upstream is null ? "client_cert" : $"client.cert and client.key in {Folder}";

    public string NoCredentials => Upstream is null
        ? $"give username and password, or an authfile with an entry for {Authority}"
        : $"add an entry for {Upstream.Name} to the auth file, for example with podman login {Upstream.Name}, and name the file in "
            + $"authfile";

    public string WrongPassword => Upstream is null
        ? "correct username and password, or the entry of the auth file"
        : $"correct the entry for {Upstream.Name} in the auth file";

    /// <param name="who">The account.</param>
    public string Rights(string who) => Upstream is null
        ? $"give {who} the right to do this on the registry"
        : $"use an entry of the auth file whose account may pull this from {Upstream.Name}";
}
