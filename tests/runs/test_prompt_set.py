"""A file of prompts is read whole, or refused with the line that is wrong."""

from __future__ import annotations

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.runs import prompt_set
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.run_plan import RunPlan, read_plan, write_plan


def values(name: str, data: bytes) -> list[dict[str, str]]:
    return [dict(row.values) for row in read_prompt_set(name, data).rows]


def test_lines_of_text_are_prompts() -> None:
    read = read_prompt_set("set.txt", "\ufeffOne\n\n  Two, with a comma \r\n".encode())
    assert [row.values["prompt"] for row in read.rows] == ["One", "Two, with a comma"]
    assert [row.line for row in read.rows] == [1, 3]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("set.csv", b'prompt,answer\n"a, ""b""\nc",1\n\nd,2\n'),
        ("set.csv", b'prompt;answer\r\n"a, ""b""\nc";1\r\nd;2'),
        ("set.tsv", b'prompt\tanswer\n"a, ""b""\nc"\t1\nd\t2\n'),
        ("set.jsonl", b'{"prompt": "a, \\"b\\"\\nc", "answer": 1}\n\n{"answer": "2", "prompt": "d"}\n'),
    ],
)
def test_tables_have_columns(name: str, data: bytes) -> None:
    assert values(name, data) == [{"prompt": 'a, "b"\nc', "answer": "1"}, {"prompt": "d", "answer": "2"}]


def test_rows_know_their_lines_behind_a_field_of_several() -> None:
    read = read_prompt_set("set.csv", b'prompt\n"a\nb"\n\nc\n')
    assert [row.line for row in read.rows] == [2, 5]


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("set.csv", b"prompt,answer\na,1\nb\n", "line 3: has 1 fields where the first line has 2"),
        ("set.csv", b"prompt,\na,1\n", "line 1: a column has no name"),
        ("set.csv", b"prompt,prompt\na,1\n", "line 1: the column prompt is named twice"),
        ("set.csv", b'prompt\n"a\n', "is no CSV"),
        ("set.csv", b"prompt\na\n\xff\n", "line 3: is not UTF-8"),
        ("set.csv", b"prompt\n", "has no prompts"),
        ("set.txt", b" \n\n", "has no prompts"),
        ("set.jsonl", b'{"prompt": "a"}\n{"prompt": \n', "line 2: is no JSON"),
        ("set.jsonl", b'{"prompt": "a"}\n["b"]\n', "line 2: is neither an object"),
        ("set.jsonl", b'{"prompt": "a", "x": 1}\n{"prompt": "b"}\n', "line 2: has no 'x', which the first line has"),
        ("set.txt", b"a\nb\nc\n", "line 3: more than 2 rows"),
        ("set.txt", b"a" * 101, "has more than"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    name: str, data: bytes, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_set, "MAX_ROWS", 2)
    monkeypatch.setattr(prompt_set, "MAX_BYTES", 100)
    with pytest.raises(ConfigurationError, match=problem):
        read_prompt_set(name, data)


def test_templates_are_filled_once() -> None:
    read = read_prompt_set("set.jsonl", b'{"city": "{{land}}", "land": "France"}')
    assert read.render("Where is {{ city }} in {{land}}?") == ["Where is {{land}} in France?"]


@pytest.mark.parametrize(
    ("template", "problem"),
    [("{{town}}", r"no column 'town'.*It has prompt, note"), ("{{note}}", "line 3: the prompt is empty")],
)
def test_a_template_that_does_not_fit_is_refused(template: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        RunPlan(read_prompt_set("set.csv", b"prompt,note\na,b\nc,\n"), ("chaos/steady",), (template,))


def test_without_a_template_one_column_must_be_meant() -> None:
    assert read_prompt_set("set.csv", b"question\na\n").default_template == "{{question}}"
    with pytest.raises(ConfigurationError, match="no column named prompt"):
        _ = read_prompt_set("set.csv", b"question,answer\na,b\n").default_template


def test_cells_have_numbers_and_every_row_is_asked_before_any_is_asked_again() -> None:
    prompts = read_prompt_set("set.txt", b"a\nb\nc\n")
    plan = RunPlan(prompts, ("x/1", "y/2"), ("{{prompt}}?", "{{prompt}}!"), 3, checks=("contains:{{prompt}}",))
    assert plan.size == 36
    assert [plan.number(plan.place(number)) for number in range(36)] == list(range(36))
    assert [plan.prompt(number) for number in range(0, 12, 2)] == ["a?", "a!", "b?", "b!", "c?", "c!"]
    assert [plan.place(number).repeat for number in range(36)] == [0] * 12 + [1] * 12 + [2] * 12
    assert plan.checks_of(2) == ("contains:c",)
    assert read_plan(write_plan(plan)) == plan


@pytest.mark.parametrize(
    ("targets", "options", "problem"),
    [
        ((), {}, "1 to 12 targets, not 0"),
        (("x/1",) * 2, {}, "named twice"),
        (("x/1",), {"repeats": 21}, "1 to 20 repeats, not 21"),
        (("x/1",), {"templates": ("a", "b", "c", "d")}, "1 to 3 variants"),
        (("x/1",), {"checks": ("contains:{{town}}",)}, "no column 'town'"),
    ],
)
def test_a_plan_has_bounds(targets: tuple[str, ...], options: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        RunPlan(read_prompt_set("set.txt", b"a\n"), targets, **options)  # type: ignore[arg-type]
