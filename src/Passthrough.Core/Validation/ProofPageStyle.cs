namespace Passthrough.Core.Validation;

/// <summary>How <see cref="ProofPage"/> looks, on screens light and dark and on paper.</summary>
static class ProofPageStyle
{
    public const string Css = """

        :root { color-scheme: light dark; --ink: #1d2430; --paper: #fff; --line: #d4d9e1; --soft: #f4f6f9; --good: #1a7f37; --bad: #c5221f; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e3e7ee; --paper: #14181f; --line: #343c49; --soft: #1d232c; --good: #57c278; --bad: #ff7b72; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        header { border-left: .4rem solid; padding: .2rem 1rem; margin-bottom: 2rem; }
        header.pass { border-color: var(--good); } header.fail { border-color: var(--bad); }
        .verdict { font-weight: 700; letter-spacing: .08em; margin: 0; } .pass .verdict, .pass .result { color: var(--good); } .fail .verdict, .fail .result { color: var(--bad); }
        h1 { font-size: 1.25rem; margin: .2rem 0; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; } .facts { opacity: .75; margin: 0; }
        .way { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem; margin: .4rem 0; }
        .place { background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; padding: .35rem .8rem; font-weight: 600; overflow-wrap: anywhere; }
        .arrow { flex: 1 1 8rem; text-align: center; border-bottom: 2px solid var(--good); position: relative; min-width: 8rem; }
        .arrow::after { content: ""; position: absolute; right: 0; bottom: -.4rem; border: .35rem solid transparent; border-left: .6rem solid var(--good); border-right: 0; }
        .fail .arrow { border-color: var(--bad); } .fail .arrow::after { border-left-color: var(--bad); } .control .arrow { border-bottom-style: dashed; }
        .result { font-size: 1.3rem; }
        table { border-collapse: collapse; width: 100%; margin: .8rem 0 2rem; font-size: .9rem; }
        th, td { text-align: left; vertical-align: top; padding: .35rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; } th:nth-child(2), td:nth-child(2) { white-space: nowrap; }
        tr.fail td:last-child { color: var(--bad); } code, pre { font: .85em/1.4 ui-monospace, monospace; } pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: .5rem; border-radius: .3rem; color: var(--ink); }
        summary { cursor: pointer; opacity: .75; } .open li { opacity: .85; }

        """;
}
