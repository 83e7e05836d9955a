/** The style of the page: light or dark as the reader's system is. */
export const PAGE_STYLE = `
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b2330; --soft: #5a6677; --line: #dfe3ea; --axis: #9aa5b4;
  --darter: #1d6fe0; --direct: #e0813a; --bound: #6b7788; --rival-1: #8a5bd1; --rival-2: #c2417c; --rival-3: #8d7a2b;
  --peers: #1c9a7c; --seed: #7a5fd0; --origin: #e0813a; --good: #1c9a7c; --bad: #cf4646;
  --h1: #1d6fe0; --h2: #e0813a; --h3: #1c9a7c; --h4: #c2417c; --h5: #7a5fd0; --h6: #8d7a2b; --h7: #2a9fc4; --h8: #6b7788; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12161d; --card: #1a2029; --ink: #e7ecf3; --soft: #9aa7b8; --line: #2c3542; --axis: #5d6a7b;
  --darter: #5b9dff; --direct: #f0a060; --bound: #94a1b3; --rival-1: #b592f0; --rival-2: #ec7fae; --rival-3: #cdb95f;
  --peers: #3fc7a5; --seed: #a68ff2; --origin: #f0a060; --good: #3fc7a5; --bad: #ef7676;
  --h1: #5b9dff; --h2: #f0a060; --h3: #3fc7a5; --h4: #ec7fae; --h5: #a68ff2; --h6: #cdb95f; --h7: #62c6e6; --h8: #94a1b3; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1216px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 21px; margin: 44px 0 4px; letter-spacing: -0.01em; }
h3 { font-size: 16px; margin: 0; }
h4 { font-size: 13px; margin: 0 0 -4px 46px; font-weight: 600; color: var(--ink); }
p { margin: 4px 0 0; max-width: 100ch; color: var(--soft); }
.grid-of-cards { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; margin-top: 14px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px 12px; margin: 0; min-width: 0; }
.wide { grid-column: 1 / -1; }
figcaption { color: var(--soft); font-size: 13.5px; margin: 3px 0 10px; max-width: 120ch; }
.headlines { display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; margin-top: 22px; }
.headline { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.headline b { display: block; font-size: 30px; line-height: 1.15; color: var(--darter); letter-spacing: -0.02em; }
.headline span { color: var(--soft); font-size: 13.5px; line-height: 1.35; display: block; margin-top: 4px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 0 0 8px; }
.legend span { display: inline-flex; align-items: center; gap: 7px; }
.key { width: 12px; height: 12px; border-radius: 3px; background: var(--c); display: inline-block; }
.key.line { height: 3px; width: 18px; } .key.mark { width: 3px; height: 15px; border-radius: 1px; }
.multiples { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px 8px; }
svg.plot { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 12px; fill: var(--soft); }
svg .label { font-size: 12px; } svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .bar-name { font-size: 13px; fill: var(--ink); } svg .value { font-size: 12px; fill: var(--ink); }
svg .name { font-size: 12.5px; font-weight: 600; fill: var(--c); }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .axis { stroke: var(--axis); stroke-width: 1; }
svg .line { fill: none; stroke: var(--c); stroke-width: 2.2; stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 5 4; stroke-width: 1.8; }
svg .dot { fill: var(--c); stroke: var(--card); stroke-width: 1.5; } svg .bar { fill: var(--c); }
svg .sample { fill: var(--ink); fill-opacity: .55; stroke: var(--card); stroke-width: .8; }
svg .mark { stroke: var(--ink); stroke-width: 2.2; }
.darter { --c: var(--darter); } .direct { --c: var(--direct); } .bound { --c: var(--bound); } .mark { --c: var(--ink); }
.rival-1 { --c: var(--rival-1); } .rival-2 { --c: var(--rival-2); } .rival-3 { --c: var(--rival-3); }
.peers { --c: var(--peers); } .seed { --c: var(--seed); } .origin { --c: var(--origin); }
.reached { --c: var(--good); } .missed { --c: var(--bad); }
.history-1 { --c: var(--h1); } .history-2 { --c: var(--h2); } .history-3 { --c: var(--h3); } .history-4 { --c: var(--h4); }
.history-5 { --c: var(--h5); } .history-6 { --c: var(--h6); } .history-7 { --c: var(--h7); } .history-8 { --c: var(--h8); }
details { margin-top: 8px; font-size: 13px; color: var(--soft); } summary { cursor: pointer; }
table { border-collapse: collapse; margin-top: 8px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 3px 12px 3px 0; border-bottom: 1px solid var(--line); font-weight: 400; }
th:first-child, td:first-child { text-align: left; } th { color: var(--ink); } td { color: var(--soft); }
.machine td { text-align: left; vertical-align: top; } .machine td:first-child { color: var(--ink); white-space: nowrap; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12px; }
footer { margin-top: 40px; font-size: 13px; color: var(--soft); }
@media (max-width: 900px) { .grid-of-cards { grid-template-columns: 1fr; } .headlines, .multiples { grid-template-columns: 1fr 1fr; } }
`;
