"""What the page says about the attempts behind an answer, from events and attempts alone."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest

from llm_hub.chat import Attempt, AttemptFailed, AttemptStarted, LLMResponse, Message, Resumed, Role, Timing, Usage
from llm_hub.conversations.coalescer import RouteEvent, Snapshot
from llm_hub.conversations.turn import Question, Turn, chat_request
from llm_hub.errors import RouteFailed
from llm_hub.ui.render import answer_stats, attempt_text, transcript
from llm_hub.ui.render.resume_marks import insert_resume_marks

TITLES = {"openai": "OpenAI", "anthropic": "Anthropic", "chaos": "Chaos"}
QUESTION = Question("openai", "gpt", tries=3)
PROMPT = Message(Role.USER, "Hello")
HALF = "one two three four"


def failed(provider: str = "openai", model: str = "gpt", *, started: float = 0.0, first: float | None = None,
           outcome: str = "server_failed", reason: str = "OpenAI failed on its own side (503).", wait: float = 0.0,
           ) -> Attempt:  # fmt: skip
    return Attempt(provider, model, started, 0.5, first, outcome, reason, wait)


def answered(provider: str = "anthropic", model: str = "claude", started: float = 1.0) -> Attempt:
    usage: Usage = {"prompt_tokens": 9, "completion_tokens": 4}
    return Attempt(provider, model, started, 2.0, 0.4, "answered", usage=usage)


def line_of_running(*events: RouteEvent, text: str = "", elapsed: float = 1.0) -> str:
    answer = Snapshot(text, elapsed=elapsed, first_token=0.1 if text else None, route=events)
    return answer_stats.render_stats_line(Turn(PROMPT, QUESTION, answer=answer), TITLES)


def finished(*attempts: Attempt, events: tuple[RouteEvent, ...] = (), text: str = HALF, **more: object) -> Turn:
    last = attempts[-1]
    usage = last.usage or {}
    response = LLMResponse(text, last.model, usage, "stop", last.provider, timing=Timing(0.1, 3.0), attempts=attempts)
    answer = Snapshot(text, elapsed=3.0, first_token=0.1, route=events, response=response)
    return Turn(PROMPT, QUESTION, answer=answer, outcome="answered", price=Decimal("0.01"), **more)  # type: ignore[arg-type]


STARTED = AttemptStarted("openai", "gpt", 1)
OTHER = AttemptStarted("anthropic", "claude", 2)
RESUMED = Resumed("anthropic", "claude", len(HALF))
BROKE = failed(first=0.1, outcome="stream_broken", reason="The connection to OpenAI broke.")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (line_of_running(STARTED), "Waiting for OpenAI · gpt…"),
        (line_of_running(STARTED, text=HALF), "OpenAI · gpt is answering…"),
        (
            line_of_running(STARTED, AttemptFailed(failed(), 0.8), elapsed=0.5),
            "OpenAI failed on its own side (503). Asking again in 0.80 s, 2 of 3…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(failed(), 4.0), elapsed=2.5),
            "OpenAI failed on its own side (503). Asking again in 2.0 s, 2 of 3…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(failed(), 0.8), AttemptStarted("openai", "gpt", 2)),
            "OpenAI failed on its own side (503). Asking again, 2 of 3…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(failed())),  # and there may be none
            "OpenAI failed on its own side (503). Looking for another model…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(failed()), OTHER),
            "OpenAI failed on its own side (503). Asking Anthropic · claude…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(failed()), OTHER, text=HALF),
            "Anthropic · claude is answering in place of OpenAI…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(BROKE), RESUMED, text=HALF),
            "The connection to OpenAI broke. Asking Anthropic · claude…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(BROKE), RESUMED, text=HALF + " five"),
            "Anthropic took over after 4 words…",
        ),
        (
            line_of_running(STARTED, AttemptFailed(BROKE), Resumed("openai", "gpt", len(HALF)), text=HALF + " five"),
            "OpenAI · gpt went on after 4 words…",
        ),
    ],
)
def test_the_running_line_describes_trouble_in_plain_words(line: str, text: str) -> None:
    without_clock = re.sub(r'<span aria-hidden="true">.*?</span>', "", line)
    assert re.sub(r"<[^>]+>", "", without_clock) == text


def test_an_answer_that_came_at_the_first_attempt_mentions_no_attempts() -> None:
    line = answer_stats.render_stats_line(finished(answered("openai", "gpt", 0.0)), TITLES)
    assert "attempt" not in line
    assert "took over" not in line


def test_a_slow_start_names_who_was_overtaken_and_whose_answer_it_is() -> None:
    slow = failed(
        outcome="overtaken", reason="OpenAI had not begun after 0.5 s. Anthropic was asked as well, and began first."
    )
    prices = (Decimal("0.003"), Decimal("0.01"))
    line = answer_stats.render_stats_line(finished(slow, answered(started=0.5), prices=prices), TITLES)
    assert "took over from OpenAI" in line
    assert "$0.0130" in line
    assert '<li class="not-asked"><b>OpenAI · gpt</b> OpenAI had not begun after 0.5 s.' in line
    assert "no charge expected" not in line


def test_a_second_model_that_was_asked_in_vain_replaced_nobody() -> None:
    second = failed("anthropic", "claude", started=0.5, outcome="overtaken", reason="OpenAI began first.")
    line = answer_stats.render_stats_line(finished(second, answered("openai", "gpt", 0.0)), TITLES)
    assert "took over" not in line
    assert "2 attempts" in line
    assert line.index("OpenAI · gpt</b> answered") < line.index("Anthropic · claude</b> OpenAI began first")


def test_an_answer_that_broke_off_after_a_second_model_was_asked_in_vain_names_who_broke_off() -> None:
    second = failed("anthropic", "claude", started=0.1, outcome="overtaken", reason="OpenAI began first.")
    broken = failed(outcome="stream_broken")
    line = answer_stats.render_stats_line(finished(second, broken, answered(started=1.0)), TITLES)
    assert "took over from OpenAI" in line


def test_a_finished_answer_names_the_model_that_gave_it_and_the_one_it_replaced() -> None:
    attempts = (failed(), failed(started=0.9, wait=0.4), answered())
    line = answer_stats.render_stats_line(
        finished(*attempts, events=(STARTED, AttemptFailed(attempts[0]), OTHER)), TITLES
    )
    assert line.index("Anthropic · claude") < line.index("took over from OpenAI")
    assert "<summary>3 attempts</summary>" in line
    assert line.count("<li") == 3


def test_every_attempt_lists_its_time_duration_reason_and_price() -> None:
    turn = finished(failed(), failed(started=0.9, wait=0.4), answered(), prices=(None, None, Decimal("0.25")))
    rows = attempt_text.render_attempts(turn, TITLES)
    assert "at the start · took 0.50 s · no charge expected" in rows
    assert "at +0.90 s, after a wait of 0.40 s · took 0.50 s" in rows
    assert "at +1.0 s · took 2.0 s · first token 0.40 s · 9 in / 4 out tokens · $0.2500" in rows
    assert "\n" not in rows


def test_a_resumed_answer_says_after_how_many_words_and_that_more_was_paid_than_is_known() -> None:
    turn = finished(
        BROKE, answered(), events=(STARTED, AttemptFailed(BROKE), RESUMED), text=HALF + " five six",
        prices=(None, Decimal("0.01")),
    )  # fmt: skip
    line = answer_stats.render_stats_line(turn, TITLES)
    assert "took over from OpenAI after 4 words" in line
    assert "at least $0.0100" in line
    assert "≈ 7 out tokens" in line


def test_a_price_that_the_provider_told_is_marked() -> None:
    attempt = replace(answered("openai", "gpt", 0.0), usage=Usage(prompt_tokens=9, reported_nanodollars=10_000_000))
    turn = finished(failed(), attempt, prices=(None, Decimal("0.01")))
    assert turn.answer.response is not None
    response = replace(turn.answer.response, usage=attempt.usage or Usage())
    line = answer_stats.render_stats_line(replace(turn, answer=replace(turn.answer, response=response)), TITLES)
    assert "<span>$0.0100 charged</span>" in line
    assert "9 in tokens · $0.0100 charged" in line


def test_two_models_of_one_provider_are_told_apart() -> None:
    turn = finished(failed("chaos", "overloaded"), answered("chaos", "steady"))
    assert "took over from Chaos · overloaded" in answer_stats.render_stats_line(turn, TITLES)


def test_a_stopped_answer_never_claims_the_first_choice() -> None:
    answer = Snapshot("so far", elapsed=2.0, first_token=1.5, route=(STARTED, AttemptFailed(failed()), OTHER))
    line = answer_stats.render_stats_line(Turn(PROMPT, QUESTION, answer=answer).with_outcome(), TITLES)
    assert line.index("Anthropic · claude") < line.index("took over from OpenAI")
    assert "2 attempts" in line


def test_a_failed_answer_lists_attempts_and_models_that_were_not_asked() -> None:
    error = RouteFailed("Nobody could answer.")
    error.attempts = (failed(), failed("anthropic", "claude", outcome="paused", reason="Anthropic is paused: x."))
    turn = Turn(PROMPT, QUESTION, answer=Snapshot(error=error)).with_outcome()
    assert "<summary>1 attempt, 1 not asked</summary>" in answer_stats.render_stats_line(turn, TITLES)


@pytest.mark.parametrize("outcome", ["paused", "not_configured", "not_offered"])
def test_nobody_takes_over_from_a_model_that_was_not_asked(outcome: str) -> None:
    turn = finished(failed(outcome=outcome, reason="OpenAI is paused: x."), answered())
    line = answer_stats.render_stats_line(turn, TITLES)
    assert "took over" not in line
    assert "in place of OpenAI, which was not asked" in line
    assert "<summary>1 attempt, 1 not asked</summary>" in line
    assert '<li class="not-asked">' in line


def test_a_model_that_was_not_asked_is_not_confused_with_one_that_broke_off() -> None:
    unsent, broken = failed("chaos", "steady", outcome="paused"), replace(BROKE, started=0.1)
    events = (AttemptFailed(unsent), AttemptStarted("openai", "gpt", 1), AttemptFailed(broken), RESUMED)
    line = answer_stats.render_stats_line(
        finished(unsent, broken, answered(), events=events, text=HALF + " five"), TITLES
    )
    assert "in place of Chaos, which was not asked" in line
    assert "Anthropic took over after 4 words" in line


def test_html_in_a_providers_error_stays_text() -> None:
    turn = finished(failed(reason="<img src=x onerror=alert(1)>"), answered("<b>", '"><i>'))
    line = answer_stats.render_stats_line(turn, TITLES)
    assert "<img" not in line
    assert "<i>" not in line


def test_a_resume_mark_is_displayed_and_never_sent_to_a_provider() -> None:
    turn = finished(BROKE, answered(), events=(STARTED, AttemptFailed(BROKE), RESUMED), text=HALF + " five")
    displayed = transcript.list_turn_messages(turn, TITLES)[1]["content"][0]["text"]
    assert displayed.endswith(f'{HALF}<span class="seam" title="OpenAI broke off here; Anthropic goes on"></span> five')
    sent = chat_request((turn,), Turn(PROMPT, QUESTION)).messages
    assert sent[1].text == HALF + " five"


def test_a_model_that_added_no_text_is_not_named_at_the_resume_mark() -> None:
    silent = failed("anthropic", "claude", started=1.0)
    events = (STARTED, AttemptFailed(BROKE), RESUMED, AttemptFailed(silent), Resumed("chaos", "steady", len(HALF)))
    turn = finished(BROKE, silent, answered("chaos", "steady"), events=events, text=HALF + " five")
    assert attempt_text.resume_notes(turn, TITLES) == {len(HALF): "OpenAI broke off here; Chaos goes on"}


PROSE = ["one tw|o three", "A sentence.| Another", "- a list| item", "# A head|ing", "**bo|ld** word", "`x` and| so",
    "```\ncode\n```\n\nand| then"]  # fmt: skip
DELICATE = ["```py\ncode |more\n```", "an `inline |span`", "$$x|^2$$", "\\(a |b\\)", "see [a li|nk](http://x)",
    "[a](http://x|yz)", "http://ex|ample.org", "1.| item", "-| item", "a **|bold** word", "    indented |code",
    "~~~\nlong\n\n|text\n~~~", "\\[ a\n\nb| \\]", "|first", "&am|p;"]  # fmt: skip


@pytest.mark.parametrize("text", PROSE)
def test_a_break_in_prose_gets_a_resume_mark(text: str) -> None:
    before, after = text.split("|")
    assert (
        insert_resume_marks(before + after, {len(before): "here"})
        == f'{before}<span class="seam" title="here"></span>{after}'
    )


@pytest.mark.parametrize("text", DELICATE)
def test_a_resume_mark_that_would_break_the_markdown_is_left_out(text: str) -> None:
    before, after = text.split("|")
    assert "seam" not in insert_resume_marks(before + after, {len(before): "here"})


def test_white_space_at_a_resume_mark_stays_where_it_was() -> None:
    assert insert_resume_marks("one \n\ntwo", {6: "x"}) == 'one<span class="seam" title="x"></span> \n\ntwo'
