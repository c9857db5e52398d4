"""The last check-up as the Status tab shows it: a card for each target, with all of its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.checkup.card import WORDS, describe_figures, find_route
from llm_hub.ui.render.formats import format_age
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.checkup.checkup import Card
    from llm_hub.checkup.checkup_store import PastCheckup
    from llm_hub.checkup.findings import ProbeFinding

MAX_EARLIER = 14
"""Check-ups before the last one whose verdicts are told."""
DOTS = {"same": "ok", "differs": "shaky", "cannot tell": "unasked"}
NOBODY = (
    '<p class="nothing">Is a model the same wherever it is sold? <code>llm-hub checkup REFERENCE TARGET…</code> asks '
    "all of them 60 questions, and its result stands here.</p>"
)


def checkup_html(checkups: Sequence[PastCheckup], now: float) -> str:
    """The newest check-up, which is the first, and what those before it said of the same targets."""
    if not checkups:
        return f'<section class="health checkup" aria-label="Check-up"><div><h2>Check-up</h2>{NOBODY}</div></section>'
    last, *earlier = checkups
    cards = "".join(_card(card, _earlier(card, earlier)) for card in last.cards)
    route = html_text(",".join(find_route(last.cards)))
    return (
        '<section class="health checkup" aria-label="Check-up"><div>'
        f"<h2>Check-up, {format_age(max(0.0, now - last.at))}</h2>{cards}"
        f'<p class="facts">Again: <code>llm-hub checkup --again</code></p>'
        f'<p class="facts">As a route: <code>LLM_HUB_ROUTE={route}</code></p></div></section>'
    )


def _card(card: Card, earlier: str) -> str:
    is_reference = not card.findings
    word = "the reference" if is_reference else WORDS[card.verdict].lower()
    dot = "ok" if is_reference else DOTS[card.verdict]
    findings = "".join(map(_finding, card.findings))
    seen = f"<details><summary>What was seen</summary><ul>{findings}</ul></details>" if findings else ""
    return (
        f'<article class="target"><header><h3>{html_text(card.target)}</h3>'
        f'<span class="word"><span class="dot {dot}"></span>{word}</span></header>'
        f'<div class="facts">{html_text(describe_figures(card.figures))}{earlier}</div>{seen}</article>'
    )


def _earlier(card: Card, checkups: Sequence[PastCheckup]) -> str:
    """How often earlier check-ups of this target said what."""
    verdicts = [
        each.verdict
        for checkup in checkups
        for each in checkup.cards
        if (each.target, each.reference) == (card.target, card.reference) and each.findings
    ]
    counts = [f"{verdicts.count(verdict)} × {verdict}" for verdict in DOTS if verdict in verdicts]
    return f"<br>before: {', '.join(counts)}" if counts else ""


def _finding(finding: ProbeFinding) -> str:
    evidence = html_text("\n".join(finding.evidence))
    raw = f"<details><summary>evidence</summary><pre>{evidence}</pre></details>" if evidence else ""
    chance = "" if finding.p is None else f" (p = {finding.p:.2g})"
    return (
        f'<li><span class="dot {DOTS[finding.verdict]}"></span><b>{html_text(finding.probe)}</b>: {finding.verdict}. '
        f'<span class="when">{html_text(finding.statement)}{chance}</span>{raw}</li>'
    )
