"""The page that `html` fills in: style and script are in it, so that it needs no network."""

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{title}}</title>
<style>
:root { color-scheme: light dark;
  --page: #f6f6f3; --card: #fff; --ink: #1d1f24; --soft: #6a6f7a; --line: #e2e2dc;
  --passed: #2b8a57; --failed: #cf3341; --skipped: #c2a24c; --wrong: #fdecec; }
@media (prefers-color-scheme: dark) { :root {
  --page: #14161a; --card: #1c1f25; --ink: #e8e8e4; --soft: #969ca8; --line: #2c3038;
  --passed: #4cc38a; --failed: #ff6b78; --skipped: #d8b95f; --wrong: #3a2024; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 20px 80px; }
h1 { font-size: 38px; line-height: 1.15; margin: 0; letter-spacing: -0.02em; }
h1 i { display: inline-block; width: 0.55em; height: 0.55em; border-radius: 50%; margin-right: 0.35em; }
.good h1 i { background: var(--passed); box-shadow: 0 0 24px var(--passed); }
.bad h1 i { background: var(--failed); box-shadow: 0 0 24px var(--failed); }
header > p { color: var(--soft); margin: 6px 0 22px; }
dl { display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 0 0 22px; }
dt { color: var(--soft); font-size: 12px; } dd { margin: 0; overflow-wrap: anywhere; }
.bar { display: flex; gap: 2px; height: 30px; margin-bottom: 14px; }
.bar a { flex: 1; min-width: 1px; border-radius: 2px; opacity: 0.85; }
.bar a:hover { opacity: 1; transform: scaleY(1.15); }
.bar .passed { background: var(--passed); } .bar .failed { background: var(--failed); }
.bar .skipped { background: var(--skipped); opacity: 0.5; }
nav { display: flex; flex-wrap: wrap; gap: 8px; position: sticky; top: 0; padding: 10px 0; z-index: 1;
  background: var(--page); }
button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: 999px; padding: 5px 14px; cursor: pointer; }
button[aria-pressed="false"] { opacity: 0.4; text-decoration: line-through; }
button.passed b { color: var(--passed); } button.failed b { color: var(--failed); }
button.skipped b { color: var(--skipped); }
nav input { font: inherit; flex: 1; min-width: 160px; padding: 5px 14px; border-radius: 999px;
  border: 1px solid var(--line); background: var(--card); color: var(--ink); }
h2 { font-size: 17px; margin: 28px 0 8px; display: flex; justify-content: space-between; }
h2 span { font-weight: 500; font-size: 14px; } h2 .failed { color: var(--failed); }
h2 .passed { color: var(--passed); } h2 .skipped { color: var(--soft); }
.check { background: var(--card); border: 1px solid var(--line); margin-top: -1px; }
section .check:first-of-type { border-radius: 10px 10px 0 0; }
section .check:last-of-type { border-radius: 0 0 10px 10px; }
section .check:only-of-type { border-radius: 10px; }
summary { display: flex; gap: 12px; align-items: baseline; padding: 9px 14px; cursor: pointer; }
summary::-webkit-details-marker { display: none; }
summary i { flex: none; width: 9px; height: 9px; border-radius: 50%; background: var(--passed); }
.failed > summary i { background: var(--failed); } .skipped > summary i { background: var(--skipped); }
.proves { flex: 1; } .failed .proves { font-weight: 600; } .skipped .proves { color: var(--soft); }
code { color: var(--soft); font-size: 12.5px; }
.check > :not(summary) { margin: 4px 16px 12px 35px; }
.reason { color: var(--failed); overflow-wrap: anywhere; } .skipped .reason { color: var(--soft); }
blockquote { border-left: 3px solid var(--line); padding-left: 12px; color: var(--soft); font-size: 14px; }
table { width: calc(100% - 51px); border-collapse: collapse; font-size: 13.5px; table-layout: fixed; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: 5px 8px 5px 0; vertical-align: top; overflow-wrap: anywhere;
  border-top: 1px solid var(--line); }
.wrong td { background: var(--wrong); } .wrong td:last-child { color: var(--failed); font-weight: 600; }
kbd { display: block; font: 11px/1.5 ui-monospace, monospace; color: var(--soft); margin-top: 2px; }
[hidden] { display: none; }
@media print { nav { display: none; } }
</style>
</head>
<body class="{{state}}">
<main>
<header>
<h1><i></i>{{verdict}}</h1>
<p>{{detail}}</p>
<dl>{{facts}}</dl>
<div class="bar">{{bar}}</div>
</header>
<nav>{{counts}}<input type="search" placeholder="Search checks" aria-label="Search checks"></nav>
{{families}}
</main>
<script>
const search = document.querySelector("input");
const buttons = [...document.querySelectorAll("button")];
function show() {
  const hidden = new Set(buttons.filter(b => b.ariaPressed === "false").map(b => b.dataset.outcome));
  const words = search.value.toLowerCase();
  for (const check of document.querySelectorAll(".check")) {
    const off = [...hidden].some(name => check.classList.contains(name));
    check.hidden = off || !check.textContent.toLowerCase().includes(words);
  }
  for (const section of document.querySelectorAll("section"))
    section.hidden = !section.querySelector(".check:not([hidden])");
}
for (const button of buttons) button.onclick = () => {
  button.ariaPressed = button.ariaPressed === "true" ? "false" : "true"; show(); };
search.oninput = show;
function jump() {
  const check = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (check) { check.open = true; check.scrollIntoView({block: "center"}); }
}
addEventListener("hashchange", jump); jump();
</script>
</body>
</html>
"""
