"""What the samples say about each probe. See `measure.py` for rules and skills."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from llm_hub.checkup.measure import BREACH, Measure, answered, judge_rule, judge_skill
from llm_hub.checkup.questions import MAX_TOKENS, OPEN_QUESTIONS, ROOM_SCHEMA, STOP, WEATHER
from llm_hub.checkup.schema_check import matches
from llm_hub.checkup.significance import PERMUTATIONS, binomial, unlikeness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.checkup.samples import Sample

    Samples = Sequence[Sample]

MIN_ANSWERS = 12
"""Answers to open questions, at least, for the test to find another model in."""
MIN_REPEATS = 3
"""Answers to one question, at least, that are a habit if they are all the same."""
MIN_STREAMED_SECONDS = 0.1
"""An answer that is sooner complete may come in one piece by chance."""
MIN_SPREAD = 0.1
"""The share of its time over which a streamed answer's text comes, at least."""
MAX_OVERCOUNT = 1.05
"""Tokens of the same text, as a multiple of the reference's."""
MIN_DIFFERENCE = 20
"""Tokens by which two prompts differ, at least, so that the ratio of two whole numbers is exact enough."""
MAX_FRESH_CACHED = 0.25
"""The share of a prompt never sent before that a cache may hold: what a server puts in front of it."""


def measure_answers(samples: Samples, reference: Samples) -> Measure:
    """Whether the answers to open questions could come from one source. Words that a target only repeats, and the
    reference does not, say nothing of this: see `measure_temperature`."""
    ours, theirs = _by_case(samples), _by_case(reference)
    cases = [case for case in ours.keys() & theirs.keys() if _repeats(ours[case]) <= _repeats(theirs[case])]
    cases = sorted(case for case in cases if len(ours[case]) > 1 < len(theirs[case]))
    if not cases:
        return Measure("too few answers to compare")
    p = unlikeness([ours[case] for case in cases], [theirs[case] for case in cases])
    counts = [sum(len(side[case]) for case in cases) for side in (ours, theirs)]
    return Measure(
        f"answers to {len(cases)} open questions, {counts[0]} against {counts[1]}, by how near they are to each other",
        p,
        1 / (PERMUTATIONS + 1) if min(counts) >= MIN_ANSWERS else 1.0,
        tuple(
            f"{OPEN_QUESTIONS[int(case)]} {name}: {' | '.join(side[case])}"
            for case in cases
            for name, side in (("target", ours), ("reference", theirs))
        ),
    )


def measure_temperature(samples: Samples, reference: Samples) -> Measure:
    """Whether a question that is asked again is answered anew: the model's own temperature is not 0, and no answer is
    kept."""
    ours, theirs = _by_case(samples), _by_case(reference)
    cases = [case for case in ours.keys() & theirs.keys() if min(len(ours[case]), len(theirs[case])) >= MIN_REPEATS]
    cases = [case for case in cases if not _repeats(theirs[case])]
    same = sum(_repeats(ours[case]) for case in cases)
    statement = f"open questions that are always answered in the same words, and not at the reference: {same}"
    if not cases:
        return Measure(f"{statement}; too few to compare")
    count = len(cases)
    return Measure(f"{statement} of {count}", binomial(same, count, BREACH), binomial(count, count, BREACH))


def _by_case(samples: Samples) -> dict[str, list[str]]:
    """The answers to each open question, without signs and capitals."""
    texts: dict[str, list[str]] = defaultdict(list)
    for sample in answered(samples, "likeness"):
        texts[sample.question.case].append(re.sub(r"[\W_]+", " ", sample.text.casefold()).strip())
    return texts


def _repeats(texts: Sequence[str]) -> bool:
    return len(set(texts)) == 1


def measure_calls(samples: Samples, reference: Samples) -> Measure:
    """Whether tools are called when they should be, and not when they should not."""

    def failures(answers: Samples) -> list[bool]:
        return [len(sample.calls) != len(sample.question.expected) for sample in answered(answers, "tools")]

    evidence = tuple(f"{side}: F1 {_f1(answers)}" for side, answers in (("target", samples), ("reference", reference)))
    return judge_skill("answers with too few or too many calls", failures(samples), failures(reference), evidence)


def _f1(answers: Samples) -> str:
    made = [(len(sample.calls), len(sample.question.expected)) for sample in answered(answers, "tools")]
    right, total = sum(min(pair) for pair in made), sum(calls + wanted for calls, wanted in made)
    return f"{2 * right / total:.2f}" if total else "unknown"


def measure_arguments(samples: Samples, reference: Samples) -> Measure:
    """Whether the arguments of calls are JSON of the tool's schema. An answer with a call that is no JSON failed."""

    def broken(sample: Sample) -> list[str]:
        if sample.problem:
            return [sample.problem]
        return [text for _, text in sample.calls if not matches(text, WEATHER.parameters)]

    def failures(answers: Samples) -> list[bool]:
        called = [sample for sample in answers if sample.question.probe == "tools"]
        return [bool(broken(sample)) for sample in called if sample.calls or sample.kind == "stream_broken"]

    evidence = tuple(
        text
        for sample in samples
        if sample.question.probe == "tools" and sample.kind in ("", "stream_broken")
        for text in broken(sample)
    )
    return judge_skill(
        "answers that call a tool with broken arguments", failures(samples), failures(reference), evidence
    )


def measure_window(samples: Samples, reference: Samples) -> Measure:
    """Whether codes at 25, 50 and 90 % of the window are found. A prompt that is refused as too long has lost them."""

    def failures(answers: Samples) -> list[bool]:
        asked = [sample for sample in answers if sample.question.probe == "needle"]
        return [
            any(code not in sample.text for code in sample.question.expected)
            for sample in asked
            if sample.kind in ("", "prompt_too_long")
        ]

    evidence = tuple(
        f"asked for {', '.join(sample.question.expected)}: {sample.text.strip()[:200] or sample.problem}"
        for sample in samples
        if sample.question.probe == "needle"
    )
    return judge_skill("long prompts of which a code was lost", failures(samples), failures(reference), evidence)


def measure_schema(samples: Samples, reference: Samples) -> Measure:
    return judge_rule("answers that are not JSON of the schema", samples, reference, "schema", _breaks_schema)


def _breaks_schema(sample: Sample) -> bool | None:
    return None if _ignores(sample, "format") else not matches(sample.text, ROOM_SCHEMA)


def measure_stop(samples: Samples, reference: Samples) -> Measure:
    return judge_rule(f"answers that go on behind the stop text “{STOP}”", samples, reference, "stop", _breaks_stop)


def _breaks_stop(sample: Sample) -> bool | None:
    """None where the model did not write what was asked for, so that there was nothing to stop at."""
    text = sample.text.casefold()
    return None if _ignores(sample, "stop") or "three" not in text else STOP in text or "eight" in text


def measure_length(samples: Samples, reference: Samples) -> Measure:
    return judge_rule(
        f"answers of more words than `max_tokens`, {MAX_TOKENS}", samples, reference, "length", _breaks_length
    )


def _breaks_length(sample: Sample) -> bool | None:
    return None if _ignores(sample, "max_tokens") else len(sample.text.split()) > MAX_TOKENS


def measure_streaming(samples: Samples, reference: Samples) -> Measure:
    return judge_rule("streamed answers that came in one block", samples, reference, "length", _comes_in_a_block)


def _comes_in_a_block(sample: Sample) -> bool | None:
    if len(sample.text.split()) < MAX_TOKENS // 2 or sample.seconds < MIN_STREAMED_SECONDS:
        return None
    return len(sample.pieces) < 3 or (sample.pieces[-1] - sample.pieces[0]) / sample.seconds < MIN_SPREAD


def measure_cache(samples: Samples, reference: Samples) -> Measure:
    return judge_rule(
        "prompts of which more was cached than can be", samples, reference, "cache", _invents_cached, describe=_cached
    )


def _invents_cached(sample: Sample) -> bool | None:
    """A prompt's second sending may be cached or not: only more than all of it is impossible."""
    usage = sample.usage or {}
    if "cached_tokens" not in usage or "prompt_tokens" not in usage:
        return None if sample.question.is_again else False
    most = usage["prompt_tokens"] * (1.0 if sample.question.is_again else MAX_FRESH_CACHED)
    if sample.question.is_again and usage["cached_tokens"] <= most:
        return None
    return usage["cached_tokens"] > most


def _cached(sample: Sample) -> str:
    usage = sample.usage or {}
    sending = "sent again" if sample.question.is_again else "sent first"
    return f"{sending}: {usage.get('cached_tokens', 'unknown')} of {usage.get('prompt_tokens', 'unknown')} cached"


def measure_ending(samples: Samples, reference: Samples) -> Measure:
    return judge_rule("answers without a proper end", samples, reference, "", _ends_badly)


def _ends_badly(sample: Sample) -> bool | None:
    if sample.problem:  # a tool's call that is none breaks an answer, too
        return True if sample.kind == "stream_broken" and sample.question.probe != "tools" else None
    return sample.finish not in ("stop", "length", "tool_calls")


def measure_usage(samples: Samples, reference: Samples) -> Measure:
    """Whether the same text has more tokens than at the reference. Prompts are compared by their differences, so that a
    longer template around each of them accuses nobody; answers by `max_tokens`, which none can have more than."""
    ours, theirs = _prompt_tokens(samples), _prompt_tokens(reference)
    pairs = sorted((theirs[text], ours[text]) for text in ours.keys() & theirs.keys())
    half = pairs[len(pairs) // 2 :]
    ratios = [
        (long[1] - short[1]) / (long[0] - short[0])
        for short, long in zip(pairs, half, strict=False)
        if long[0] - short[0] >= MIN_DIFFERENCE
    ]
    limited = [
        tokens / MAX_TOKENS
        for sample in answered(samples, "length")
        if (tokens := (sample.usage or {}).get("completion_tokens", 0)) and not _breaks_length(sample)
    ]
    over = sum(ratio > MAX_OVERCOUNT for ratio in (*ratios, *limited))
    count = len(ratios) + len(limited)
    if not ratios:
        return Measure("too few prompts with a count of tokens at both")
    return Measure(
        f"{over} of {count} texts count more tokens than they have by the reference or by `max_tokens`",
        binomial(over, count, BREACH),
        binomial(count, count, BREACH),
        (
            f"tokens of the same text, as multiples of the reference's: {', '.join(f'{r:.2f}' for r in ratios)}",
            f"tokens of answers, as multiples of `max_tokens`: {', '.join(f'{r:.2f}' for r in limited)}",
        ),
    )


def _prompt_tokens(samples: Samples) -> dict[str, int]:
    """Tokens by prompt. A server may put tools and schemas into words of its own, and some count no cached tokens."""
    return {
        str(sample.question.request.messages[-1].content): tokens
        for sample in samples
        if sample.question.probe not in ("tools", "schema", "cache")
        and (tokens := (sample.usage or {}).get("prompt_tokens"))
    }


MEASURES: dict[str, Callable[[Samples, Samples], Measure]] = {
    "answers": measure_answers,
    "temperature": measure_temperature,
    "tools called": measure_calls,
    "tools' arguments": measure_arguments,
    "schema": measure_schema,
    "stop": measure_stop,
    "max_tokens": measure_length,
    "window": measure_window,
    "tokens counted": measure_usage,
    "cached tokens": measure_cache,
    "streaming": measure_streaming,
    "ending": measure_ending,
}


def _ignores(sample: Sample, setting: str) -> bool:
    return setting in sample.ignored
