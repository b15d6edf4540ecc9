using Newtonsoft.Json.Linq;

namespace Passthrough.Testing.Kubernetes;

/// <summary>
/// The objects of a fake API server, and who set which field of them: server-side apply with conflicts as a real server has them (kube-apiserver-transcript.txt, 12 to 34).
/// Mirror lists are one field each; labels, annotations and data one field a key.
/// </summary>
sealed class FakeObjects
{
    readonly Dictionary<(string Plural, string Key), Stored> objects = [];
    int version;

    public IEnumerable<JObject> List(FakeResource resource) =>
        objects.Where(pair => pair.Key.Plural == resource.Plural).OrderBy(pair => pair.Key.Key, StringComparer.Ordinal).Select(pair => pair.Value.Value);

    public JObject? Get(FakeResource resource, string key) => objects.GetValueOrDefault((resource.Plural, key))?.Value;

    /// <summary>Puts an object there as another client would; its fields are that manager's.</summary>
    public void Put(FakeResource resource, string key, JObject value, string manager = "kubectl-create")
    {
        var stored = new Stored((JObject)value.DeepClone());
        foreach (var (path, _) in FieldsOf(value))
            stored.Managers[path] = [$"\"{manager}\" using {resource.ApiVersion}"];
        Stamp(stored.Value, isNew: !objects.ContainsKey((resource.Plural, key)), changed: true);
        objects[(resource.Plural, key)] = stored;
    }

    public bool Delete(FakeResource resource, string key) => objects.Remove((resource.Plural, key));

    /// <summary>Server-side apply.</summary>
    /// <returns>The object and whether it is new; or the conflicts, the managers as messages name them.</returns>
    public (JObject? Value, bool IsNew, IReadOnlyList<(string Manager, string Field)> Conflicts) Apply(FakeResource resource, string key, JObject wanted, string manager, bool force, bool dryRun)
    {
        manager = $"\"{manager}\"";
        var exists = objects.TryGetValue((resource.Plural, key), out var live);
        var stored = exists ? live!.Copy() : new Stored(new JObject { ["apiVersion"] = wanted["apiVersion"], ["kind"] = wanted["kind"], ["metadata"] = new JObject { ["name"] = wanted["metadata"]!["name"], ["namespace"] = wanted["metadata"]!["namespace"] } });
        if (stored.Value["metadata"]!["namespace"] is { Type: JTokenType.Null })
            ((JObject)stored.Value["metadata"]!).Remove("namespace");
        var before = stored.Value.DeepClone();
        var fields = FieldsOf(wanted).ToDictionary(StringComparer.Ordinal);
        var current = FieldsOf(stored.Value).ToDictionary(StringComparer.Ordinal);
        var conflicts = fields.Where(field => current.TryGetValue(field.Key, out var there) && !JToken.DeepEquals(there, field.Value))
            .SelectMany(field => (stored.Managers.GetValueOrDefault(field.Key) ?? []).Where(other => other != manager).Select(other => (other, field.Key))).ToList();
        if (conflicts.Count > 0 && !force)
            return (null, false, conflicts);

        foreach (var (path, value) in fields)
        {
            var isSame = current.TryGetValue(path, out var there) && JToken.DeepEquals(there, value);
            Set(stored.Value, path, value);
            if (!isSame)
                stored.Managers[path] = [manager];
            else
                stored.Managers[path].Add(manager);
        }

        // What this manager applied before and does not any more goes, where nobody else wants it.
        foreach (var (path, managers) in stored.Managers.Where(pair => !fields.ContainsKey(pair.Key) && pair.Value.Contains(manager)).ToList())
        {
            managers.Remove(manager);
            if (managers.Count > 0)
                continue;
            stored.Managers.Remove(path);
            Set(stored.Value, path, null);
        }

        Stamp(stored.Value, !exists, !JToken.DeepEquals(before, stored.Value));
        if (!dryRun)
            objects[(resource.Plural, key)] = stored;
        return (stored.Value, !exists, []);
    }

    /// <summary>A JSON merge patch by another client.</summary>
    public JObject? Merge(FakeResource resource, string key, JObject patch)
    {
        if (!objects.TryGetValue((resource.Plural, key), out var stored))
            return null;
        MergeInto(stored.Value, patch);
        Stamp(stored.Value, isNew: false, changed: true);
        return stored.Value;
    }

    static void MergeInto(JObject target, JObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is JObject inner && target[name] is JObject member)
                MergeInto(member, inner);
            else
                target[name] = value!.DeepClone();
        }
    }

    void Stamp(JObject value, bool isNew, bool changed)
    {
        var metadata = (JObject)value["metadata"]!;
        if (isNew)
        {
            metadata["uid"] = $"00000000-0000-0000-0000-{++version:x12}";
            metadata["creationTimestamp"] = "2026-01-01T00:00:00Z";
            metadata["generation"] = 0;
        }

        if (!changed && !isNew)
            return;
        metadata["generation"] = (int?)metadata["generation"] + 1 ?? 1;
        metadata["resourceVersion"] = $"{++version}";
    }

    // ".spec.imageDigestMirrors", ".metadata.labels.team", ".data.registry.local..8443": what stands behind the last known parent is one name.
    static IEnumerable<KeyValuePair<string, JToken>> FieldsOf(JObject value)
    {
        foreach (var (parent, members) in new[] { (".metadata.labels", value["metadata"]?["labels"]), (".metadata.annotations", value["metadata"]?["annotations"]), (".spec", value["spec"]), (".data", value["data"]) })
        {
            foreach (var member in (members as JObject)?.Properties() ?? [])
                yield return KeyValuePair.Create($"{parent}.{member.Name}", member.Value);
        }
    }

    static void Set(JObject value, string path, JToken? token)
    {
        string[] parents = path.StartsWith(".metadata.", StringComparison.Ordinal) ? ["metadata", path.Split('.')[2]] : [path.Split('.')[1]];
        var name = path[(parents.Sum(parent => parent.Length + 1) + 1)..];
        var at = value;
        foreach (var parent in parents)
            at = (JObject)(at[parent] ??= new JObject());
        if (token is null)
            at.Remove(name);
        else
            at[name] = token.DeepClone();
    }

    sealed record Stored(JObject Value)
    {
        public Dictionary<string, HashSet<string>> Managers { get; init; } = new(StringComparer.Ordinal);

        public Stored Copy() => new((JObject)Value.DeepClone()) { Managers = Managers.ToDictionary(pair => pair.Key, pair => new HashSet<string>(pair.Value, StringComparer.Ordinal), StringComparer.Ordinal) };
    }
}
