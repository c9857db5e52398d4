"""Code that is being written: with its colours, or faster than anybody reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llm_hub.chat import Message, Role
from llm_hub.conversations.coalescer import Snapshot
from llm_hub.conversations.turn import Question, Turn
from llm_hub.ui.render.transcript import answer_message
from llm_hub.ui.render.unfinished_code import MAX_COLORED_RATE, plain_unfinished_code


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Words", "Words"),
        ("```python\na = 1", "```\na = 1"),
        ("```python\na = 1\n```", "```python\na = 1\n```"),
        ("```python\na\n```\n\n~~~ js\nb", "```python\na\n```\n\n~~~\nb"),
        ("````md\n```python\na\n```\n", "````\n```python\na\n```\n"),
        ("- one\n  ```python\n  a", "- one\n  ```\n  a"),
        ("1. ```python\n   a", "1. ```\n   a"),
        ("> ```python\n> a", "> ```\n> a"),
        ("```a```", "```a```"),
    ],
)
def test_only_a_block_that_goes_on_to_the_end_is_plain(text: str, plain: str) -> None:
    assert plain_unfinished_code(text) == plain


def test_an_answer_that_nobody_can_read_so_fast_has_its_colours_at_the_end() -> None:
    code = "```python\n" + "a = 1\n" * (MAX_COLORED_RATE // 2)
    answer = Snapshot(text=code, first_token=1.0)
    turn = Turn(Message(Role.USER, "Hello"), Question("one", "model"), answer=answer)

    def shown(elapsed: float, **more: Any) -> str:
        message = answer_message(replace(turn, answer=replace(answer, elapsed=elapsed), **more), {})
        text: str = message["content"][0]["text"]
        return text

    assert "```python" not in shown(2.0)
    assert "```python" in shown(20.0)
    assert "```python" in shown(2.0, outcome="answered")
