namespace Passthrough.Core.Mirroring.Cluster;

/// <summary>
/// Finds which of many scopes is the first that a scope is nested in (<see cref="MirrorNames.IsNested"/>), in time linear in the length of the scope, however many there are:
/// clusters have thousands, and each would have to be compared with each.
/// </summary>
sealed class ScopeIndex
{
    readonly Node paths = new();
    readonly Node domains = new();
    int count;

    public ScopeIndex(IEnumerable<string> scopes)
    {
        foreach (var scope in scopes)
            Add(scope);
    }

    public bool Encloses(string scope) => First(scope) is not null;

    /// <summary>The position of the first scope that encloses it; null where none does.</summary>
    public int? First(string scope)
    {
        var first = int.MaxValue;
        var node = paths;
        foreach (var component in scope.Split('/'))
        {
            if (!node.TryGet(component, out node))
                break;
            first = Math.Min(first, node.Position);
        }

        var labels = MirrorNames.HostOf(scope).ToString().Split('.');
        node = domains;
        // The first label is what the wildcard stands for.
        for (var i = labels.Length - 1; i > 0 && node.TryGet(labels[i], out node); i--)
            first = Math.Min(first, node.Position);
        return first == int.MaxValue ? null : first;
    }

    void Add(string scope)
    {
        Insert(paths, scope.Split('/'));
        if (scope.StartsWith(MirrorNames.Wildcard, StringComparison.Ordinal))
            Insert(domains, Enumerable.Reverse(scope[MirrorNames.Wildcard.Length..].Split('.')));
        count++;
    }

    void Insert(Node node, IEnumerable<string> way)
    {
        foreach (var step in way)
            node = node.GetOrAdd(step);
        node.Position = Math.Min(node.Position, count);
    }

    sealed class Node
    {
        readonly Dictionary<string, Node> children = new(StringComparer.Ordinal);

        public int Position { get; set; } = int.MaxValue;

        public bool TryGet(string step, out Node child) => children.TryGetValue(step, out child!) || ((child = this) is null);

        public Node GetOrAdd(string step) => children.TryGetValue(step, out var child) ? child : children[step] = new Node();
    }
}
