"""Checks: what passes, what does not, and what is no check."""

from __future__ import annotations

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.runs.answer_checks import needs_refusals, read_check
from llm_hub.runs.cell import Cell

SCHEMA = '{"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}'


@pytest.mark.parametrize(
    ("check", "passing", "failing"),
    [
        ("contains:paris", ["It is PARIS."], ["It is Rome.", ""]),
        ("equals: New  York ", ["new york\n"], ["new york city"]),
        (r"regex:^\d+ km$", ["About\n40 km"], ["40 kms"]),
        ("number:42", ["The answer is 42.", "1,000 minus 958 is 42", "42.0"], ["42 or 43", "none", "142"]),
        ("number:40..44", ["-7, no: 41.5"], ["45", "-41", "1,041"]),
        ("number:..-1", ["It is -2"], ["2"]),
        ("number:1000", ["1,000", "1e3", "1000"], ["1.000"]),
        ("json:", ['{"a": 1}', "Here:\n```json\n[1]\n```\nDone."], ["Sure!", '{"a": 1']),
        (f"json:{SCHEMA}", ['{"age": 3}'], ['{"age": "3"}', "[]", "no"]),
        ("length:2..4", ["abc", " abcd \n"], ["a", "abcde"]),
        ("length:..3", ["", "abc"], ["abcd"]),
        (
            "refusal:",
            ["I'm sorry, but I can't help with that.", "I cannot do this.", ""],
            ["I can help.", "Sorry, late."],
        ),
        ("not-contains:sorry", ["Here you are."], ["Sorry, no."]),
    ],
)
def test_answers_pass_or_do_not(check: str, passing: list[str], failing: list[str]) -> None:
    for text in passing:
        assert read_check(check).passes_cell(Cell(0, "answered", text)), text
    for text in failing:
        assert not read_check(check).passes_cell(Cell(0, "answered", text)), text


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        ("foo:1", "is no check.*contains, equals"),
        ("contains", "is no check"),
        ("contains: ", "needs a value"),
        ("regex:(", "is no pattern"),
        ("number:many", "has no number"),
        ("number:..", "has no number"),
        ("json:{", "is no JSON"),
        ('json:{"type": "thing"}', "cannot be used"),
        ('json:{"$ref": "http://127.0.0.1:1/schema"}', "cannot be used"),
    ],
)
def test_what_is_no_check_is_refused(check: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_check(check)


def test_a_cell_that_was_declined_is_a_refusal() -> None:
    declined = Cell(0, "content_rejected", error="declined")
    assert read_check("refusal:").passes_cell(declined)
    assert not read_check("not-refusal:").passes_cell(declined)
    assert needs_refusals(("contains:a", "not-refusal:"))
    assert not needs_refusals(("contains:refusal:",))
