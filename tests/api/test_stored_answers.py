"""What the hub remembers of its answers: for a time, within bounds, and apart for each caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.api.stored_answers import MAX_AGE, MAX_ANSWERS, AnswerStore

if TYPE_CHECKING:
    from llm_hub.api.stored_answers import CallerAnswers


def add(answers: CallerAnswers, key: str, text: str = "") -> None:
    item = {"id": f"msg_{key}", "text": text}
    answers.add(key, {"id": key, "output": [item]}, [item])


def test_an_answer_is_forgotten_after_an_hour() -> None:
    now = 0.0
    answers = AnswerStore(lambda: now).of("alice")
    add(answers, "a")
    now = MAX_AGE / 2
    add(answers, "b")
    now = MAX_AGE
    assert answers.get("a") is not None
    now = MAX_AGE + 1
    assert answers.get("a") is None
    assert list(answers.output_items()) == ["msg_b"]


def test_the_oldest_answers_make_room_for_new_ones() -> None:
    answers = AnswerStore().of("alice")
    for number in range(MAX_ANSWERS + 5):
        add(answers, str(number))
    assert [answers.get(str(number)) is None for number in range(7)] == [True] * 5 + [False] * 2
    assert len(answers.output_items()) == MAX_ANSWERS


def test_answers_are_bounded_in_bytes() -> None:
    answers = AnswerStore(max_bytes=1000).of("alice")
    for number in range(4):
        add(answers, str(number), "x" * 100)
    assert [answers.get(str(number)) is not None for number in range(4)] == [False, True, True, True]
    add(answers, "large", "x" * 2000)
    assert answers.get("large") is None
    assert answers.delete("2")
    add(answers, "4", "x" * 100)
    assert [answers.get(str(number)) is not None for number in range(5)] == [False, True, False, True, True]


def test_callers_share_nothing() -> None:
    store = AnswerStore()
    add(store.of("alice"), "a")
    assert store.of("bob").get("a") is None
    assert not store.of("bob").delete("a")
    assert store.of("alice").get("a") is not None
