"""A check-up's cards as text, Markdown and JSON, and what they recommend: the order of a route."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from llm_hub.checkup.checkup import Card, Figures
from llm_hub.checkup.findings import ProbeFinding

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EVIDENCE = 5
"""Lines of evidence of a finding for people; the JSON has all."""
WORDS = {"same": "the same", "differs": "DIFFERS", "cannot tell": "cannot tell at this sample size"}


def cards_as_json(cards: Sequence[Card]) -> str:
    """Everything, the whole evidence among it."""
    return json.dumps([asdict(card) for card in cards], indent=2, ensure_ascii=False) + "\n"


def read_cards(text: str) -> tuple[Card, ...]:
    """The cards of a text that `cards_as_json` made."""
    return tuple(
        Card(
            **{
                **card,
                "findings": tuple(
                    ProbeFinding(**{**finding, "evidence": tuple(finding["evidence"])}) for finding in card["findings"]
                ),
                "figures": Figures(**{**card["figures"], "models": tuple(card["figures"]["models"])}),
            }
        )
        for card in json.loads(text)
    )


def find_route(cards: Sequence[Card]) -> list[str]:
    """The targets in the order in which a route had best ask them. Those that differ are left out; those that are the
    same, the reference among them, come before those of which it could not be told. Among these the one with fewer
    failures comes first, then the cheaper, then the sooner."""

    def rank(card: Card) -> tuple[bool, int, float, float]:
        figures = card.figures
        price, first_token = figures.price, figures.first_token_p50
        return (
            card.verdict != "same",
            figures.failures,
            math.inf if price is None else price,
            math.inf if first_token is None else first_token,
        )

    return [card.target for card in sorted(cards, key=rank) if card.verdict != "differs"]


def cards_as_route(cards: Sequence[Card]) -> str:
    """The line of `.env` that makes this order the hub's."""
    return f"LLM_HUB_ROUTE={','.join(find_route(cards))}\n"


def cards_as_text(cards: Sequence[Card]) -> str:
    """For a terminal."""
    blocks = []
    for card in cards:
        lines = [_title(card), f"  {describe_figures(card.figures)}"]
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
        lines += [f"## {_code(card.target)}", "", f"{_title(card, code=True)}. {describe_figures(card.figures)}", ""]
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


def describe_figures(figures: Figures) -> str:
    """What a target's answers took, in a line."""
    parts = [
        f"{figures.requests} requests, {figures.failures} failed",
        f"{figures.prompt_tokens:,} + {figures.completion_tokens:,} tokens",
        _price(figures),
        f"first token p50 {_number(figures.first_token_p50)} s, p95 {_number(figures.first_token_p95)} s",
        f"tokens a second p50 {_number(figures.tokens_per_second_p50)}, p95 {_number(figures.tokens_per_second_p95)}",
    ]
    if figures.same_seed_same_answer is not None:
        parts.append(f"the same seed gave {'the same answer' if figures.same_seed_same_answer else 'other answers'}")
    return "; ".join(parts)


def _price(figures: Figures) -> str:
    """The price, beside that of the lists where the provider itself says what it charged."""
    if figures.price is None:
        return "price unknown"
    price = f"${figures.price:.4f}"
    if not figures.is_charged:
        return price
    listed = "" if figures.listed_price is None else f", ${figures.listed_price:.4f} by the price lists"
    return f"{price} charged{listed}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _chance(p: float | None) -> str:
    return "" if p is None else f" (p = {p:.2g})"


def _line(text: str) -> str:
    """One line that nothing in it can leave or colour."""
    return "".join(character if character.isprintable() else " " for character in text)


def _code(name: str) -> str:
    return f"`{_line(name).replace('`', chr(39))}`"
