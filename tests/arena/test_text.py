"""The difference and the link of a comparison."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from llm_hub.arena import diff, link

TEXT = st.text(st.sampled_from("ab \n,日"), max_size=60)


@given(TEXT, TEXT)
def test_a_difference_holds_both_texts(left: str, right: str) -> None:
    pieces = diff.compare_words(left, right)
    assert "".join(text for kind, text in pieces if kind != "added").split() == left.split()
    assert "".join(text for kind, text in pieces if kind != "removed").split() == right.split()


@given(TEXT)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert {kind for kind, _ in diff.compare_words(text, text)} <= {"same"}
    assert diff.measure_similarity(diff.compare_words(text, text)) == 1


def test_only_the_words_that_differ_are_marked() -> None:
    assert diff.compare_words("the big cat", "the small cat") == [
        ("same", "the "), ("removed", "big "), ("added", "small "), ("same", "cat")
    ]  # fmt: skip
    assert diff.measure_similarity(diff.compare_words("a b", "c d")) == 0


def test_a_set_up_survives_its_address() -> None:
    setup = link.ComparisonLink(
        ("openai/gpt-6-luna", "hf/org/name:fastest"), "a & b?\n日 #1", "be kind", "0.5", "100", blind=True
    )
    assert link.read_query(dict(parse_qsl(link.write_query(setup)))) == setup
    assert link.write_query(setup).startswith("models=openai/gpt-6-luna,hf/org/name:fastest&prompt=")


def test_an_address_without_models_asks_for_no_comparison() -> None:
    assert link.read_query({"prompt": "hi"}) is None
    assert link.read_query({"models": " , "}) is None


def test_an_address_names_four_models_at_most_and_is_never_too_long() -> None:
    setup = link.read_query({"models": "a,b,c,d,e"})
    assert setup is not None
    assert setup.models == ("a", "b", "c", "d")
    assert link.write_query(link.ComparisonLink(("a", "b"), "x" * 10_000)) == ""
