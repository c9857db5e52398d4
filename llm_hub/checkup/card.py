"""A check-up's cards as text, Markdown and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.checkup.checkup import Card, Figures

MAX_EVIDENCE = 5
"""Lines of evidence of a finding for people; the JSON has all."""
WORDS = {"same": "the same", "differs": "DIFFERS", "cannot tell": "cannot tell at this sample size"}


def cards_as_json(cards: Sequence[Card]) -> str:
    """Everything, the whole evidence among it."""
    return json.dumps([asdict(card) for card in cards], indent=2, ensure_ascii=False) + "\n"


def cards_as_text(cards: Sequence[Card]) -> str:
    """For a terminal."""
    blocks = []
    for card in cards:
        lines = [_title(card), f"  {_figures(card.figures)}"]
        for finding in card.findings:
            lines.append(f"  {finding.verdict:<12} {finding.probe:<17} {finding.statement}{_chance(finding.p)}")
            if finding.verdict == "differs":
                lines += [f"{'':32}{_line(line)}" for line in finding.evidence[:MAX_EVIDENCE]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def cards_as_markdown(cards: Sequence[Card]) -> str:
    """For a report. What a model wrote stands in code blocks, so that none of it is Markdown."""
    lines = ["# Check-up", ""]
    for card in cards:
        lines += [f"## {_code(card.target)}", "", f"{_title(card, code=True)}. {_figures(card.figures)}", ""]
        if card.findings:
            lines += ["| probe | verdict | what was seen |", "|---|---|---|"]
        for finding in card.findings:
            statement = f"{finding.statement}{_chance(finding.p)}".replace("|", "\\|")
            lines.append(f"| {finding.probe} | {WORDS[finding.verdict]} | {statement} |")
        for finding in card.findings:
            if finding.verdict == "differs" and finding.evidence:
                lines += ["", f"**{finding.probe}**", ""]
                lines += [f"    {_line(line)}" for line in finding.evidence[:MAX_EVIDENCE]]
        lines.append("")
    return "\n".join(lines)


def _title(card: Card, *, code: bool = False) -> str:
    name, reference = (_code(card.target), _code(card.reference)) if code else (card.target, card.reference)
    if not card.findings:
        return f"{name}: the reference, with a window of {card.window:,} tokens"
    return f"{name}: {WORDS[card.verdict]}, compared with {reference}"


def _figures(figures: Figures) -> str:
    parts = [
        f"{figures.requests} requests, {figures.failures} failed",
        f"{figures.prompt_tokens:,} + {figures.completion_tokens:,} tokens",
        "price unknown" if figures.price is None else f"${figures.price:.4f}",
        f"first token p50 {_number(figures.first_token_p50)} s, p95 {_number(figures.first_token_p95)} s",
        f"tokens a second p50 {_number(figures.tokens_per_second_p50)}, p95 {_number(figures.tokens_per_second_p95)}",
    ]
    if figures.same_seed_same_answer is not None:
        parts.append(f"the same seed gave {'the same answer' if figures.same_seed_same_answer else 'other answers'}")
    return "; ".join(parts)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _chance(p: float | None) -> str:
    return "" if p is None else f" (p = {p:.2g})"


def _line(text: str) -> str:
    """One line that nothing in it can leave or colour."""
    return "".join(character if character.isprintable() else " " for character in text)


def _code(name: str) -> str:
    return f"`{_line(name).replace('`', chr(39))}`"
