"""The Status tab's HTML: how each provider and each target that was asked is doing.

An attempt that sent no request (paused, no key, something that the provider does not offer) is listed, but counts for
nothing: it does not tell whether the target answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from llm_hub.ui.render import attempt_text
from llm_hub.ui.render.formats import format_age, format_count, format_seconds, format_target_id
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import status_texts as texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    from llm_hub.access.session import ProviderState, TargetState
    from llm_hub.chat import Attempt

MAX_LISTED_ATTEMPTS = 12
"""Attempts in a target's list: what fits without scrolling for long."""
MAX_PLOTTED_ATTEMPTS = 40
"""Attempts in a target's plot: a bar stays wide enough to be pointed at."""
PLOT_WIDTH, PLOT_HEIGHT = 400, 72
"""Units of the plot's own."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The outcome of a provider's test, as a sentence."""

    message: str
    failed: bool = False


def describe_success(models: int, duration: float) -> str:
    """The sentence for a test that succeeded: how many models were listed, and in how many seconds."""
    return f"It answers: {format_count(models, 'model')} in {format_seconds(max(duration, 0.01))}."


def fingerprint(
    states: Sequence[ProviderState],
    targets: Sequence[TargetState],
    probes: Mapping[str, ProbeResult],
    problem: str = "",
) -> str:
    """A text that changes whenever the HTML would, except for the times that the page counts by itself."""
    target_marks = [
        (
            target.name,
            len(target.attempts),
            target.attempts[-1:],
            target.paused and (target.paused.reason, target.paused.seconds != 0),
        )
        for target in targets
    ]
    problems = [(state.name, state.problem, state.list_problem, state.is_absent) for state in states]
    return repr((target_marks, problems, sorted(probes.items(), key=str), problem))


def health_html(
    states: Sequence[ProviderState],
    targets: Sequence[TargetState],
    probes: Mapping[str, ProbeResult],
    price: Callable[[Attempt], Decimal | None],
    problem: str = "",
    *,
    day: Callable[[str], str] = lambda _: "",
) -> str:
    """The whole tab: the targets that were asked last come first, and the providers that are ready. `problem` is one of
    the hub's own, as a sentence. `day` gives the HTML of a target's last day."""
    titles = {state.name: state.title for state in states}
    recent = sorted(targets, key=_age)
    cards = "".join(_target_card(target, titles, price, day(target.name)) for target in recent)
    if not cards:
        cards = texts.NOTHING_YET
    ready_first = sorted(states, key=lambda state: not state.ready)
    rows = "".join(_provider_row(state, targets, probes.get(state.name)) for state in ready_first)
    above = f'<p class="problem" role="alert">{html_text(problem)}</p>' if problem else ""
    return (
        f'{above}<div class="health"><section aria-label="Models"><h2>Models</h2>{cards}</section>'
        f'<section aria-label="Providers"><h2>Providers</h2><ul class="providers">{rows}</ul></section></div>'
    )


def _provider_row(state: ProviderState, targets: Sequence[TargetState], probe: ProbeResult | None) -> str:
    own_targets = [target for target in targets if target.name.partition("/")[0] == state.name]
    dot, word = _provider_health(state, own_targets, probe)
    button = _button(f"test {state.name}", texts.TEST, f"Test {state.title}") if state.ready else ""
    result = ""
    if probe:
        result = f'<p class="{"bad" if probe.failed else "good"}" role="status">{html_text(probe.message)}</p>'
    elif state.ready and state.list_problem and not state.is_absent:
        result = f'<p class="bad">Its list of models did not come. {html_text(state.list_problem)}</p>'
    return (
        f'<li><span class="dot {dot}"></span><b>{html_text(state.title)}</b>'
        f'<span class="word">{html_text(word)}</span>'
        f"{button}{result}</li>"
    )


def _provider_health(
    state: ProviderState, targets: Sequence[TargetState], probe: ProbeResult | None
) -> tuple[str, str]:
    """A provider's dot and word. That it is set up does not yet say that it answers."""
    paused = sum(target.paused is not None for target in targets)
    asked_targets = [target for target in targets if _sent_attempts(target)]
    if not state.ready:
        return "off", state.problem.rstrip(".")
    if paused:
        return "paused", f"ready, {format_count(paused, 'model')} paused"
    if probe is not None and probe.failed:
        return "shaky", texts.TEST_FAILED
    if not asked_targets and probe is None:
        return _unasked_health(state)
    latest = min(asked_targets, key=_age, default=None)
    if latest is not None and probe is None and _sent_attempts(latest)[-1].has_failed:
        return "shaky", texts.LAST_FAILED
    return "ok", "ready"


def _unasked_health(state: ProviderState) -> tuple[str, str]:
    if state.is_absent:
        return "off", texts.NOT_RUNNING
    return "shaky" if state.list_problem else "unasked", texts.NOT_ASKED


def _age(state: TargetState) -> float:
    """Seconds since a target's latest attempt."""
    return min(state.ages, default=math.inf)


def _sent_attempts(state: TargetState) -> list[Attempt]:
    return [attempt for attempt in state.attempts if attempt.was_sent]


def _target_card(
    state: TargetState, titles: Mapping[str, str], price: Callable[[Attempt], Decimal | None], day: str
) -> str:
    sent = _sent_attempts(state)
    title = format_target_id(state.name, titles)
    rows = "".join(
        _attempt_row(attempt, age, price(attempt), titles)
        for attempt, age in list(zip(state.attempts, state.ages, strict=True))[: -MAX_LISTED_ATTEMPTS - 1 : -1]
    )
    key = html_text(state.name)
    recent = f'<details data-keep="{key}"><summary>Recent attempts</summary><ol>{rows}</ol></details>' if rows else ""
    return (
        f'<article class="target" data-target="{key}"><header><h3>{html_text(title)}</h3>'
        f"{_target_health(state, sent, title)}"
        f'</header><div class="facts">{_summary(sent)}</div>{_plot(sent)}{day}{recent}</article>'
    )


def _target_health(state: TargetState, sent: Sequence[Attempt], title: str) -> str:
    if state.paused is None:
        dot, word = "ok", "ok"
        if not sent:
            dot, word = "unasked", texts.NOT_ASKED if state.attempts else texts.NOT_ASKED_SINCE_START
        elif sent[-1].has_failed:
            dot, word = "shaky", texts.LAST_FAILED
        return f'<span class="word"><span class="dot {dot}"></span>{word}</span>'
    left = state.paused.seconds
    if left is None:
        until = texts.PAUSED_FOR_LONG
    elif left == 0:
        until = texts.PAUSED_UNTIL_ASKED
    else:
        until = f'paused, back in <span data-in="{left:.1f}">{left:.0f} s</span>'
    button = _button(f"try {state.name}", texts.TRY_NOW, texts.ASK_NOW.format(title=title))
    cause = f'<p class="why">{html_text(state.paused.reason)}</p>'
    return f'<span class="word"><span class="dot paused"></span>{until}</span>{button}{cause}'


def _summary(sent: Sequence[Attempt]) -> str:
    """How many of the remembered attempts answered, and the medians of their latencies; "" if none was sent."""
    if not sent:
        return ""
    answered = [attempt for attempt in sent if attempt.outcome == "answered"]
    first_tokens = [attempt.first_token for attempt in answered if attempt.first_token is not None]
    facts = [f"{len(answered)} of {format_count(len(sent), 'attempt')} answered"]
    if first_tokens:
        whole = median(attempt.seconds for attempt in answered)
        facts += [
            texts.LATENCY.format(seconds=format_seconds(median(first_tokens))),
            texts.WHOLE_ANSWER.format(seconds=format_seconds(whole)),
        ]
    return " · ".join(f"<span>{fact}</span>" for fact in facts)


def _attempt_row(attempt: Attempt, age: float, cost: Decimal | None, titles: Mapping[str, str]) -> str:
    if attempt.outcome == "answered":
        css_class, outcome = "answered", "answered"
    else:
        css_class = "failed" if attempt.has_failed else "not-asked"
        outcome = attempt_text.explain_failure(attempt, titles)
    details = " · ".join(html_text(fact) for fact in attempt_text.list_facts(attempt, cost)[1:])
    when = f'<span class="ago" data-ago="{age:.0f}">{format_age(age)}</span>'
    return f'<li class="{css_class}">{when} {html_text(outcome)} <span class="when">{details}</span></li>'


def _plot(sent: Sequence[Attempt]) -> str:
    """Seconds of the latest attempts, the newest at the right: a bar to the end, with a mark at the first token."""
    plotted = sent[-MAX_PLOTTED_ATTEMPTS:]
    if len(plotted) < 2:
        return ""
    top = _round_up(max(attempt.seconds for attempt in plotted))
    step = PLOT_WIDTH / MAX_PLOTTED_ATTEMPTS
    bars = []
    for number, attempt in enumerate(plotted):
        x = PLOT_WIDTH - (len(plotted) - number) * step + 1.5
        height = _bar_height(attempt.seconds, top)
        css_class = "answered" if attempt.outcome == "answered" else "failed"
        mark = ""
        if attempt.first_token is not None:
            y = PLOT_HEIGHT - _bar_height(attempt.first_token, top)
            mark = f'<line x1="{x:.1f}" x2="{x + step - 3:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        title = f"{attempt.outcome.replace('_', ' ')} after {format_seconds(attempt.seconds)}"
        bars.append(
            f'<g class="{css_class}"><title>{html_text(title)}</title>'
            f'<rect x="{x:.1f}" y="{PLOT_HEIGHT - height:.1f}" width="{step - 3:.1f}" height="{height:.1f}" rx="1.5"/>'
            f"{mark}</g>"
        )
    slowest = max(attempt.seconds for attempt in plotted)
    label = f"Seconds of the last {len(plotted)} attempts, at most {format_seconds(slowest)}"
    grid = f"M0 0.5H{PLOT_WIDTH}M0 {PLOT_HEIGHT / 2}H{PLOT_WIDTH}M0 {PLOT_HEIGHT - 0.5}H{PLOT_WIDTH}"
    return (
        f'<figure><svg viewBox="0 0 {PLOT_WIDTH} {PLOT_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}"><path class="grid" d="{grid}"/>{"".join(bars)}</svg>'
        f"<figcaption><span>{top:g} s</span><span>0</span></figcaption></figure>"
    )


def _bar_height(value: float, top: float) -> float:
    return max(2.0, value / top * (PLOT_HEIGHT - 2))


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
