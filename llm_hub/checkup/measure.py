"""What a probe measured, and the two ways of judging it against the reference.

*Rules* are what every honest server keeps: a breach is given the chance `BREACH`, and they are judged only where the
reference broke none. *Skills* are what a model may lack: the target's failures against the reference's, by Fisher's
exact test. Answers are counted, and not what is in them, since failures in one answer may have one cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.checkup.significance import binomial, fisher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.checkup.samples import Sample

    Samples = Sequence[Sample]

BREACH = 0.05
"""The chance that an honest server breaks a rule in one request, by accident."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A probe's result. `p` is the chance of it between honest twins, `least_p` that of the greatest difference that
    so many samples could show."""

    statement: str
    p: float | None = None
    least_p: float = 1.0
    evidence: tuple[str, ...] = ()


def answered(samples: Samples, probe: str) -> list[Sample]:
    """The answers to a probe's questions, failures left out."""
    return [sample for sample in samples if not sample.problem and sample.question.probe == probe]


def judge_skill(subject: str, ours: Sequence[bool], theirs: Sequence[bool], evidence: tuple[str, ...]) -> Measure:
    """How many answers fail, against the reference's."""
    statement = f"{subject}: {sum(ours)} of {len(ours)}, at the reference {sum(theirs)} of {len(theirs)}"
    if not ours or not theirs or all(theirs):
        return Measure(
            f"{statement}; {'the reference always fails' if theirs and ours else 'too few'}", evidence=evidence
        )
    p = fisher(sum(ours), len(ours), sum(theirs), len(theirs))
    return Measure(statement, p, fisher(len(ours), len(ours), sum(theirs), len(theirs)), evidence)


def judge_rule(
    subject: str,
    samples: Samples,
    reference: Samples,
    probe: str,
    breaks: Callable[[Sample], bool | None],
    *,
    describe: Callable[[Sample], str] | None = None,
) -> Measure:
    """How many answers break a rule. `breaks` says None for those that do not show it."""
    ours, theirs = (
        [(sample, broken) for sample in _about(side, probe) if (broken := breaks(sample)) is not None]
        for side in (samples, reference)
    )
    bad, other_bad = (sum(broken for _, broken in side) for side in (ours, theirs))
    statement = f"{subject}: {bad} of {len(ours)}, at the reference {other_bad} of {len(theirs)}"
    described = _about(samples, probe) if describe else [sample for sample, broken in ours if broken]
    evidence = tuple((describe or _describe)(sample) for sample in described)
    if not ours or not theirs or other_bad:
        why = "the reference breaks this rule, too" if other_bad else "too few to compare"
        return Measure(f"{statement}; {why}", evidence=evidence)
    return Measure(statement, binomial(bad, len(ours), BREACH), binomial(len(ours), len(ours), BREACH), evidence)


def _about(samples: Samples, probe: str) -> list[Sample]:
    return [sample for sample in samples if not probe or (sample.question.probe == probe and not sample.problem)]


def _describe(sample: Sample) -> str:
    text = sample.text.strip().replace("\n", " ")[:200] or sample.problem
    return f"{len(sample.pieces)} pieces in {sample.seconds:.2f} s, ended by {sample.finish or 'nothing'}: {text}"
