"""Two halves of an answer become one: no word is lost, none is repeated."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from llm_hub.router.splice import Splice

LETTERS = "abcdefghijklmnopqrstuvwxyzäßçñéЖшθω"
SIGNS = [" ", "  ", "\n", "\n\n", ", ", ". ", " — ", "-", "/", "\t", "…", "```\n", "。", " 😀 "]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A text of distinct words, so that what a second answer repeats can be told from what it says anew."""
    words = draw(st.lists(st.text(LETTERS, min_size=1, max_size=9), min_size=2, max_size=40, unique=True))
    assume(not any(word != other and word in other for word in words for other in words))
    return "".join(word + draw(st.sampled_from(SIGNS)) for word in words)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[str, int]:
    """A text and a place within it."""
    text = draw(texts())
    return text, draw(st.integers(1, len(text)))


def spliced(splice: Splice, second: str, draw: st.DataObject) -> str:
    """What is new of the second answer, fed in pieces of any size."""
    new, at = "", 0
    while at < len(second):
        step = draw.draw(st.integers(1, 12))
        new += splice.feed(second[at : at + step])
        at += step
    return new + splice.flush()


@given(cuts(), st.data())
def test_an_answer_that_goes_on_where_it_was_asked_to_is_joined(case: tuple[str, int], data: st.DataObject) -> None:
    text, at = case
    splice = Splice(text[:at])
    assert text.startswith(splice.prefix)
    assert text[:at] + spliced(splice, text[len(splice.prefix) :], data) == text


@given(cuts(), st.data())
def test_a_missing_space_at_the_seam_is_not_missed(case: tuple[str, int], data: st.DataObject) -> None:
    text, at = case
    splice = Splice(text[:at])
    assert text[:at] + spliced(splice, text[len(splice.prefix) :].lstrip(), data) == text


@given(cuts(), st.data())
def test_an_answer_that_starts_over_is_not_repeated(case: tuple[str, int], data: st.DataObject) -> None:
    text, at = case
    assert text[:at] + spliced(Splice(text[:at]), text, data) == text


@given(cuts(), st.integers(1, 60), st.data())
def test_an_overlap_is_dropped(case: tuple[str, int], back: int, data: st.DataObject) -> None:
    text, at = case
    splice = Splice(text[:at])
    start = max(0, len(splice.prefix) - back)
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    # A second answer that begins with the very thing that was asked for, such as a dash, goes on: so it is taken.
    assume(not text[start:].lstrip().startswith(text[len(splice.prefix) : at].strip()) or start >= len(splice.prefix))
    assert text[:at] + spliced(splice, text[start:], data) == text


@given(cuts(), st.text("0123456789", min_size=1), st.data())
def test_an_answer_with_nothing_in_common_is_appended_whole(
    case: tuple[str, int], stranger: str, data: st.DataObject
) -> None:
    text, at = case
    assert spliced(Splice(text[:at]), stranger, data).removeprefix(" ") == stranger


@given(cuts(), st.text(min_size=1), st.data())
def test_what_comes_after_the_seam_passes_at_once(case: tuple[str, int], more: str, data: st.DataObject) -> None:
    text, at = case
    splice = Splice(text[:at])
    spliced(splice, "0 is no beginning of anything", data)
    assert splice.feed(more) == more


@pytest.mark.parametrize(
    ("first", "prefix"),
    [
        ("The quick bro", "The quick"),
        ("The quick brown", "The quick"),
        ("The quick brown ", "The quick"),
        ("The quick brown, ", "The quick brown"),
        ("The", ""),
        ("你好世界", "你好世"),
        ("x = foo(", "x = foo"),
        ("   ", ""),
    ],
)
def test_the_last_word_is_asked_for_again(first: str, prefix: str) -> None:
    assert Splice(first).prefix == prefix


def test_nothing_is_held_once_the_answer_cannot_be_a_repetition() -> None:
    splice = Splice("one two three")
    assert splice.feed(" thr") == ""
    assert splice.feed("ee fo") == " fo"
    assert splice.feed("ur") == "ur"


def test_a_second_answer_that_ends_within_what_was_read_says_nothing_new() -> None:
    splice = Splice("one two three four")
    assert splice.feed("one two three") + splice.flush() == ""


@pytest.mark.parametrize(
    "text",
    [
        "| a | b | c |\n| --- | --- | --- |\n| 1 | 1 | 1 |\n",
        "- [ ] x\n- [ ] x\n- [ ] y\n",
        "No. No. No. I said no, no, no.",
        "谢谢谢谢你们,哈哈哈哈。",
        "Use it:\n\n```py\nx = 1\nx = 1\n```\nand again.",
        "👍👍👍 yes 👍👍",
    ],
)
def test_a_text_that_repeats_itself_is_joined_at_every_cut(text: str) -> None:
    for at in range(1, len(text) + 1):
        if text[at - 1 : at + 1].isascii() and text[at - 1 : at + 1].isalnum() and at < len(text):
            continue  # within a repeated word nobody can tell going on from starting over
        splice = Splice(text[:at])
        second = text[len(splice.prefix) :]
        assert text[:at] + splice.feed(second) + splice.flush() == text, at


def test_two_words_are_never_glued_together() -> None:
    splice = Splice("The cat sat")
    assert splice.feed("on the mat") + splice.flush() == " on the mat"


def test_a_short_answer_that_was_said_before_is_not_lost() -> None:
    splice = Splice("Yes or no? Answer: ")
    assert splice.feed("Yes") + splice.flush() == "Yes"
