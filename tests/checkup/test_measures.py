"""What accuses nobody, and what is counted as what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from llm_hub.chat import ChatRequest, Message, Role, Usage
from llm_hub.checkup.card import cards_as_markdown, cards_as_text, describe_figures
from llm_hub.checkup.checkup import MIN_WINDOW, Card, sum_up
from llm_hub.checkup.findings import find_differences, overall
from llm_hub.checkup.measures import MEASURES
from llm_hub.checkup.questions import MARGIN, NEEDLE_DEPTHS, ROOM_SCHEMA, make_questions
from llm_hub.checkup.samples import ProbeQuestion, Sample, quantile
from llm_hub.checkup.schema_check import matches

if TYPE_CHECKING:
    from llm_hub.checkup.findings import ProbeFinding


def ask(probe: str, case: str = "0", *, again: bool = False, expected: tuple[str, ...] = ()) -> ProbeQuestion:
    return ProbeQuestion(probe, case, ChatRequest((Message(Role.USER, f"{probe} {case}"),)), expected, again)


def judge(samples: list[Sample], reference: list[Sample], probe: str) -> ProbeFinding:
    return next(finding for finding in find_differences(samples, reference) if finding.probe == probe)


def test_without_answers_nothing_can_be_told() -> None:
    findings = find_differences([], [])
    assert {finding.verdict for finding in findings} == {"cannot tell"}
    assert overall(findings) == "cannot tell"


def test_a_rule_that_the_reference_breaks_too_accuses_nobody() -> None:
    broken = [Sample(ask("stop", str(case)), text="one two three seven") for case in range(5)]
    kept = [replace(sample, text="one two three") for sample in broken]
    assert judge(broken, broken, "stop").verdict == "cannot tell"
    assert judge(broken, kept, "stop").verdict == "differs"
    assert judge(kept, kept, "stop").verdict == "same"
    assert judge(broken[:1], kept, "stop").verdict == "cannot tell"


def test_a_setting_that_was_left_out_accuses_nobody() -> None:
    kept = [Sample(ask("stop", str(case)), text="one two three") for case in range(5)]
    ignored = [replace(sample, text="three seven eight", ignored=("stop",)) for sample in kept]
    assert judge(ignored, kept, "stop").verdict == "cannot tell"


def test_a_prompt_that_is_refused_as_too_long_has_lost_its_codes_and_a_failed_request_has_not() -> None:
    found = [Sample(ask("needle", str(case), expected=("12345",)), text="It is 12345.") for case in range(7)]
    refused = [replace(sample, text="", problem="Too long.", kind="prompt_too_long") for sample in found]
    failed = [replace(sample, text="", problem="Busy.", kind="rate_limited") for sample in found]
    assert judge(refused, found, "window").verdict == "differs"
    assert judge(failed, found, "window").verdict == "cannot tell"
    assert judge(found, refused, "window").verdict == "cannot tell"


def test_answers_that_are_only_repeated_are_no_other_model() -> None:
    new = [Sample(ask("likeness", str(case)), text=f"otter {time}") for case in range(4) for time in range(6)]
    repeated = [replace(sample, text="otter") for sample in new]
    assert judge(repeated, new, "answers").verdict == "cannot tell"
    assert judge(repeated, new, "temperature").verdict == "differs"
    assert judge(repeated, repeated, "temperature").verdict == "cannot tell"
    assert judge(repeated, repeated, "answers").verdict == "same"


@pytest.mark.parametrize(("cached", "verdict"), [(0, "same"), (20, "same"), (90, "differs")])
def test_a_prompt_that_was_never_sent_is_in_no_cache(cached: int, verdict: str) -> None:
    usage = Usage(prompt_tokens=100, cached_tokens=cached)
    samples = [Sample(ask("cache", str(case)), text="x", usage=usage) for case in range(3)]
    plain = [replace(sample, usage=Usage(prompt_tokens=100)) for sample in samples]
    assert judge(samples, plain, "cached tokens").verdict == verdict


def test_a_prompt_sent_again_may_be_cached_but_not_more_than_all_of_it() -> None:
    usages = [Usage(prompt_tokens=100, cached_tokens=cached) for cached in (90, 100, 101)]
    plausible, whole, impossible = (
        MEASURES["cached tokens"]([Sample(ask("cache", again=True), usage=usage)], [Sample(ask("cache"))])
        for usage in usages
    )
    assert "0 of 0" in plausible.statement
    assert "0 of 0" in whole.statement
    assert "1 of 1" in impossible.statement


@pytest.mark.parametrize("window", [MIN_WINDOW, 4000])
def test_codes_stand_at_their_places_in_a_window_that_is_nearly_full(window: int) -> None:
    prompts = [question for question in make_questions(window, "a/b", seed=1) if question.probe == "needle"]
    assert len(prompts) == 7
    for question in prompts:
        text = str(question.request.messages[0].content)
        assert len(text) / (window * 4) == pytest.approx(MARGIN, abs=0.2 if window == MIN_WINDOW else 0.05)
        places = [text.index(code) / (window * 4) for code in question.expected]
        assert places == pytest.approx(NEEDLE_DEPTHS, abs=0.1 if window == MIN_WINDOW else 0.03)


def test_all_targets_are_asked_the_same_but_for_what_caches_may_share() -> None:
    mine, others = (make_questions(2000, target, seed=1) for target in ("a/b", "c/d"))
    assert len(mine) == 60
    assert {a.probe for a, b in zip(mine, others, strict=True) if a != b} == {"cache"}
    assert make_questions(2000, "a/b", seed=2)[0] != mine[0]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('{"name":"x","floor":1,"open":true,"tags":["a"]}', True),
        ('{"name":"x","floor":1,"open":true,"tags":[]}', True),
        ('{"name":"x","floor":true,"open":true,"tags":[]}', False),
        ('{"name":"x","floor":"1","open":true,"tags":[]}', False),
        ('{"name":"x","floor":1,"open":true,"tags":[1]}', False),
        ('{"name":"x","floor":1,"open":true}', False),
        ('{"name":"x","floor":1,"open":true,"tags":[],"more":1}', False),
        ("{", False),
        ("[]", False),
    ],
)
def test_a_text_fits_a_schema_or_does_not(text: str, fits: bool) -> None:
    assert matches(text, ROOM_SCHEMA) is fits


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(1, 21)], 0.95) == 19.0
    assert quantile([], 0.5) is None


def test_a_card_has_the_price_that_was_charged_beside_that_of_the_lists() -> None:
    usage = Usage(prompt_tokens=5, completion_tokens=5, reported_nanodollars=20_000_000)
    told = Sample(ask("stop"), text="one", usage=usage, price=0.02, listed_price=0.01)
    untold = Sample(ask("stop"), text="one", usage=Usage(prompt_tokens=5), price=0.01, listed_price=0.01)
    assert "; $0.0400 charged, $0.0200 by the price lists; " in describe_figures(sum_up([told, told]))
    assert "; $0.0400 charged; " in describe_figures(sum_up([told, replace(told, listed_price=None)]))
    assert "; $0.0300; " in describe_figures(sum_up([told, untold]))


def test_what_a_model_wrote_leaves_no_line_of_a_card() -> None:
    broken = [Sample(ask("stop", str(case)), text="three seven\n# Title\x1b[2J <img src=x>") for case in range(5)]
    kept = [replace(sample, text="one two three") for sample in broken]
    findings = tuple(find_differences(broken, kept))
    card = Card("a/`b`|", "c/d", 1000, overall(findings), findings, sum_up(broken))
    for text in (cards_as_text([card]), cards_as_markdown([card])):
        assert "seven # Title" in text
        assert "\x1b" not in text
        assert "\n#" not in text.replace("\n# Check-up", "").replace("\n## ", "")
    assert all(line.startswith("    ") for line in cards_as_markdown([card]).splitlines() if "<img" in line)
