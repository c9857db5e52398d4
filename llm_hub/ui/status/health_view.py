"""How providers and targets are doing, as HTML: for the Status tab."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from llm_hub.ui.render import attempt_text
from llm_hub.ui.render.formats import ago, counted, seconds, target
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from llm_hub.access.session import ProviderState, TargetState
    from llm_hub.chat import Attempt

SHOWN = 12
"""Attempts in a target's list."""
PLOTTED = 40
"""Attempts in its plot."""
WIDTH, HEIGHT = 400, 72
"""Of a plot, in its own units."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What the test of a provider found."""

    told: str
    failed: bool = False


def works(models: int, took: float) -> str:
    return f"It answers: {counted(models, 'model')} in {seconds(max(took, 0.01))}."


def version(states: Sequence[ProviderState], targets: Sequence[TargetState], tested: Mapping[str, Tested]) -> str:
    """Differs when the picture would, apart from the time that passes."""
    asked = [
        (one.name, len(one.attempts), one.attempts[-1:], one.paused and (one.paused.reason, one.paused.seconds != 0))
        for one in targets
    ]
    return repr((asked, [(state.name, state.problem) for state in states], sorted(tested.items(), key=str)))


def html(
    states: Sequence[ProviderState],
    targets: Sequence[TargetState],
    tested: Mapping[str, Tested],
    price: Callable[[Attempt], Decimal | None],
) -> str:
    """The whole tab."""
    titles = {state.name: state.title for state in states}
    recent = sorted(targets, key=lambda one: min(one.ages, default=0.0))
    asked = "".join(_target(one, titles, price) for one in recent)
    if not asked:
        asked = (
            '<p class="nothing">Nothing has been asked yet. Ask something in Chat, and here you see how fast every '
            "model answers, what failed, and what is paused.</p>"
        )
    ready = sorted(states, key=lambda state: not state.ready)
    rows = "".join(_provider(state, targets, tested.get(state.name)) for state in ready)
    return (
        f'<div class="health"><section aria-label="Models"><h2>Models</h2>{asked}</section>'
        f'<section aria-label="Providers"><h2>Providers</h2><ul class="providers">{rows}</ul></section></div>'
    )


def _provider(state: ProviderState, targets: Sequence[TargetState], tested: Tested | None) -> str:
    mood, word = _known(state, [one for one in targets if one.name.partition("/")[0] == state.name], tested)
    button = _button(f"test {state.name}", "Test", f"Test {state.title}") if state.ready else ""
    told = (
        f'<p class="{"bad" if tested.failed else "good"}" role="status">{html_text(tested.told)}</p>' if tested else ""
    )
    return (
        f'<li><span class="dot {mood}"></span><b>{html_text(state.title)}</b>'
        f'<span class="word">{html_text(word)}</span>'
        f"{button}{told}</li>"
    )


def _known(state: ProviderState, targets: Sequence[TargetState], tested: Tested | None) -> tuple[str, str]:
    """What is known of a provider: that it is set up says nothing yet of whether it answers."""
    paused = sum(one.paused is not None for one in targets)
    asked = [one for one in targets if _made(one)]
    if not state.ready:
        return "off", state.problem.rstrip(".")
    if paused:
        return "paused", f"ready, {counted(paused, 'model')} paused"
    if tested is not None and tested.failed:
        return "shaky", "the test failed"
    if not asked and tested is None:
        return "unasked", "not asked yet"
    latest = min(asked, key=lambda one: min(one.ages, default=0.0), default=None)
    if latest is not None and tested is None and _made(latest)[-1].outcome not in ("answered", "stopped"):
        return "shaky", "the last attempt failed"
    return "ok", "ready"


def _made(state: TargetState) -> list[Attempt]:
    return [attempt for attempt in state.attempts if attempt.was_sent]


def _target(state: TargetState, titles: Mapping[str, str], price: Callable[[Attempt], Decimal | None]) -> str:
    made = _made(state)
    name = target(state.name, titles)
    rows = "".join(
        _attempt(attempt, age, price(attempt), titles)
        for attempt, age in list(zip(state.attempts, state.ages, strict=True))[: -SHOWN - 1 : -1]
    )
    key = html_text(state.name)
    return (
        f'<article class="target" data-target="{key}"><header><h3>{html_text(name)}</h3>{_health(state, made, name)}'
        f'</header><div class="facts">{_summary(made)}</div>{_plot(made)}'
        f'<details data-keep="{key}"><summary>Recent attempts</summary><ol>{rows}</ol></details></article>'
    )


def _health(state: TargetState, made: Sequence[Attempt], name: str) -> str:
    if state.paused is None:
        failed = bool(made) and made[-1].outcome != "answered"
        word = "the last attempt failed" if failed else "ok"
        return f'<span class="word"><span class="dot {"shaky" if failed else "ok"}"></span>{word}</span>'
    left = state.paused.seconds
    if left is None:
        when = "paused until the cause is mended"
    elif left == 0:
        when = "paused; the next request finds out whether it is back"
    else:
        when = f'paused, back in <span data-in="{left:.1f}">{left:.0f} s</span>'
    button = _button(f"try {state.name}", "Try now", f"Let {name} be asked now")
    why = f'<p class="why">{html_text(state.paused.reason)}</p>'
    return f'<span class="word"><span class="dot paused"></span>{when}</span>{button}{why}'


def _summary(made: Sequence[Attempt]) -> str:
    """Of all that is remembered: how many, how many answered, and the middle one of the latencies."""
    good = [attempt for attempt in made if attempt.outcome == "answered"]
    firsts = [attempt.first_token for attempt in good if attempt.first_token is not None]
    said = [f"{len(good)} of {counted(len(made), 'attempt')} answered"]
    if firsts:
        whole = median(attempt.seconds for attempt in good)
        said += [f"first token {seconds(median(firsts))}", f"whole answer {seconds(whole)}"]
    return " · ".join(f"<span>{fact}</span>" for fact in said)


def _attempt(attempt: Attempt, age: float, cost: Decimal | None, titles: Mapping[str, str]) -> str:
    if attempt.outcome == "answered":
        mood, outcome = "answered", "answered"
    else:
        mood = "not-asked" if attempt.outcome == attempt_text.NOT_ASKED else "failed"
        outcome = attempt_text.reason(attempt, titles)
    said = " · ".join(html_text(fact) for fact in attempt_text.facts(attempt, cost)[1:])
    when = f'<span class="ago" data-ago="{age:.0f}">{ago(age)}</span>'
    return f'<li class="{mood}">{when} {html_text(outcome)} <span class="when">{said}</span></li>'


def _plot(made: Sequence[Attempt]) -> str:
    """Seconds of the latest attempts, the newest at the right: a bar to the end, with a mark at the first token."""
    shown = made[-PLOTTED:]
    if len(shown) < 2:
        return ""
    top = _round_up(max(attempt.seconds for attempt in shown))
    step = WIDTH / PLOTTED
    bars = []
    for at, attempt in enumerate(shown):
        x = WIDTH - (len(shown) - at) * step + 1.5
        y = _height(attempt.seconds, top)
        mood = "answered" if attempt.outcome == "answered" else "failed"
        first = ""
        if attempt.first_token is not None:
            z = HEIGHT - _height(attempt.first_token, top)
            first = f'<line x1="{x:.1f}" x2="{x + step - 3:.1f}" y1="{z:.1f}" y2="{z:.1f}"/>'
        told = f"{attempt.outcome.replace('_', ' ')} after {seconds(attempt.seconds)}"
        bars.append(
            f'<g class="{mood}"><title>{html_text(told)}</title>'
            f'<rect x="{x:.1f}" y="{HEIGHT - y:.1f}" width="{step - 3:.1f}" height="{y:.1f}" rx="1.5"/>{first}</g>'
        )
    told = f"Seconds of the last {len(shown)} attempts, at most {seconds(max(a.seconds for a in shown))}"
    return (
        f'<figure><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{told}">'
        f'<path class="grid" d="M0 0.5H{WIDTH}M0 {HEIGHT / 2}H{WIDTH}M0 {HEIGHT - 0.5}H{WIDTH}"/>{"".join(bars)}</svg>'
        f"<figcaption><span>{top:g} s</span><span>0</span></figcaption></figure>"
    )


def _height(value: float, top: float) -> float:
    return max(2.0, value / top * (HEIGHT - 2))


def _round_up(value: float) -> float:
    """The next of 0.1, 0.2, 0.5, 1, 2, 5, …: a scale that a reader can take in."""
    scale = 0.1
    while True:
        for step in (1, 2, 5):
            if value <= scale * step:
                return scale * step
        scale *= 10


def _button(pick: str, text: str, label: str) -> str:
    return f'<button type="button" data-pick="{html_text(pick)}" aria-label="{html_text(label)}">{text}</button>'
