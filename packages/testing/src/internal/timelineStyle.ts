/**
 * How a page looks: light and dark, on a screen of any width, and on paper.
 *
 * @internal
 */
export const style = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#ffffff, #16181d);
  --raised: light-dark(#f4f5f7, #1f2229);
  --line: light-dark(#dfe2e8, #30343e);
  --ink: light-dark(#1d2129, #e4e7ee);
  --soft: light-dark(#5b6372, #9aa3b5);
  --bad: light-dark(#b3261e, #ff8a80);
  --good: light-dark(#1a6e37, #7fd49b);
  --run: light-dark(#667085, #8f9ab0);
  --words: light-dark(#3f6fd8, #7ea6ff);
  --work: light-dark(#0c8a7b, #45c9b8);
  --plan: light-dark(#8a5cd0, #bb97f2);
  --approval: light-dark(#b26a00, #f0b254);
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 14px/1.45 system-ui, sans-serif }
header, main { max-width: 1400px; margin: 0 auto; padding: 0 20px }
header { padding-top: 20px }
h1 { margin: 0; font-size: 20px; overflow-wrap: anywhere }
h2 { margin: 0 0 4px; font-size: .93em; color: var(--bad) }
p { margin: 2px 0; color: var(--soft) }
dl { display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 14px 0 }
dt { font-size: .86em; color: var(--soft) }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums }
dd.bad { color: var(--bad) }
nav ul { columns: 30em }
nav li { break-inside: avoid }
nav { margin: 0 0 14px; padding: 8px 14px; border-left: 3px solid var(--bad); background: var(--raised) }
ul, ol { list-style: none; margin: 0; padding: 0 }
a { color: inherit; overflow-wrap: anywhere }
main { padding-bottom: 40px; overflow-x: clip }
summary, .axis { display: grid; align-items: center; gap: 0 10px; padding: 0 6px;
  grid-template-columns: .6em 3.8em 5.4em minmax(0, 1fr) fit-content(16em) 34% }
.axis { position: sticky; top: 0; z-index: 1; height: 24px; background: var(--paper); border-bottom: 1px solid var(--line) }
.axis .lane { grid-column: 6 }
.axis i { font: .79em/24px system-ui, sans-serif; color: var(--soft); padding-left: 4px; border-left: 1px solid var(--line); white-space: nowrap }
main > ol > li { content-visibility: auto; contain-intrinsic-size: auto 27px; border-bottom: 1px solid var(--line); scroll-margin-top: 30px }
li:target { background: var(--raised) }
summary { min-height: 26px; cursor: pointer; list-style: none }
summary::-webkit-details-marker { display: none }
summary::before { content: "▸"; font-size: 10px; color: var(--soft) }
[open] > summary::before { content: "▾" }
summary:hover { background: var(--raised) }
:focus-visible { outline: 2px solid var(--words); outline-offset: -2px }
time { color: var(--soft); text-align: right; font-size: .86em; font-variant-numeric: tabular-nums; white-space: nowrap }
b { font-weight: 600; color: var(--color) }
.text { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.work .text { font-family: ui-monospace, monospace; font-size: .93em }
.note { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .86em; color: var(--soft) }
.quiet .text { color: var(--soft) }
.good .note { color: var(--good) }
.bad .note, .trouble .text { color: var(--bad) }
.lane { position: relative; height: 100%; min-height: 26px }
summary .lane { background: linear-gradient(to right, var(--line) 1px, transparent 1px) 0 0 / var(--step) 100% }
summary i { position: absolute; top: 8px; height: 10px; min-width: 3px; border-radius: 2px; background: var(--color) }
summary i.point { width: 8px !important; height: 8px; top: 9px; margin-left: -4px; border-radius: 50% }
summary i.open { border-radius: 2px 0 0 2px; background: repeating-linear-gradient(135deg, var(--color) 0 5px, transparent 5px 8px) }
.axis i { position: absolute; top: 0; bottom: 0 }
details { --color: var(--run) }
.words { --color: var(--words) }
.work { --color: var(--work) }
.plan { --color: var(--plan) }
.approval { --color: var(--approval) }
.trouble, .work.bad, .approval.bad, .run.bad { --color: var(--bad) }
.detail { padding: 4px 10px 12px 12.4em }
pre { margin: 6px 0 0; padding: 8px 10px; max-height: 60vh; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--raised); border-radius: 4px; font: .9em/1.5 ui-monospace, monospace }
@media (max-width: 760px) {
  header, main { padding-left: 10px; padding-right: 10px }
  summary, .axis { grid-template-columns: .6em 3.4em 5.2em minmax(0, 1fr) fit-content(9em); gap: 0 6px }
  .lane, .axis .lane { grid-column: 1 / -1 }
  summary .lane { min-height: 14px } summary i { top: 2px } summary i.point { top: 3px }
  .detail { padding-left: 10px }
}
@media print {
  :root { color-scheme: light }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  body { font-size: 10px }
  .axis { position: static }
  main > ol > li { content-visibility: visible; break-inside: avoid }
  .text { white-space: normal; overflow-wrap: anywhere }
  pre { max-height: none }
}
`
