"""From samples to findings: is the target the same as the reference, does it differ, or can that not be told?

Every probe becomes a `Measure` with the chance of such a difference between honest twins. The chance that an honest
target is accused of anything is at most `LEVEL`. Half of it is for the answers themselves, in which a swap of the model
for a part of them is the hardest to see; the other half for all other probes together, with Holm's correction. A probe
that could not have found even the greatest difference with so few samples says "cannot tell".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from llm_hub.checkup.measures import MEASURES
from llm_hub.checkup.significance import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.checkup.samples import Sample

Verdict = Literal["same", "differs", "cannot tell"]
LEVEL = 0.01
ANSWERS = "answers"
"""The probe of whether the answers themselves could come from one source."""


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """A probe's verdict. `p` is the chance of such a difference between honest twins, None where nothing was measured;
    `evidence` is what was seen, a line each."""

    probe: str
    verdict: Verdict
    p: float | None
    statement: str
    evidence: tuple[str, ...]


def find_differences(samples: Sequence[Sample], reference: Sequence[Sample]) -> list[ProbeFinding]:
    """The findings of all probes."""
    measures = {name: measure(samples, reference) for name, measure in MEASURES.items()}
    measured = {name: measure.p for name, measure in measures.items() if measure.p is not None}
    answers = {name: p for name, p in measured.items() if name == ANSWERS}
    rest = {name: p for name, p in measured.items() if name != ANSWERS}
    differing = holm(answers, LEVEL / 2) | holm(rest, LEVEL / 2)
    findings = []
    for name, measure in measures.items():
        verdict: Verdict = "cannot tell"
        if name in differing:
            verdict = "differs"
        elif measure.p is not None and measure.least_p <= LEVEL / 2 / len(answers if name == ANSWERS else rest):
            verdict = "same"
        findings.append(ProbeFinding(name, verdict, measure.p, measure.statement, measure.evidence))
    return findings


def overall(findings: Sequence[ProbeFinding]) -> Verdict:
    """ "differs" if any probe does; "same" if the answers are alike and most probes could tell."""
    verdicts = {finding.probe: finding.verdict for finding in findings}
    if "differs" in verdicts.values():
        return "differs"
    told = list(verdicts.values()).count("same")
    return "same" if verdicts[ANSWERS] == "same" and 2 * told > len(verdicts) else "cannot tell"
