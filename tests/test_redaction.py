"""Keys are left out of the log by their value, for as long as somebody holds them."""

from __future__ import annotations

import string
import time
from pathlib import Path
from urllib.parse import quote

from hypothesis import assume, given
from hypothesis import strategies as st

from llm_hub import errors
from llm_hub.gateway.visitors import CLOSED_TAB_GRACE, MAX_IDLE_SECONDS, Visitors
from llm_hub.hub import Hub
from llm_hub.redaction import MIN_KEY_CHARS, Redactor, redact_query
from llm_hub.settings import Settings

PRINTABLE = string.ascii_letters + string.digits + string.punctuation
ODD = [
    "abcdefghijkl",
    'it"s\\odd?!100%&x=1',
    "aaaaaaaaaaaaa",
    "hunter2-but-longer",
    "%41%42%43%44%45",
    "[key][key][key]",
]

keys = st.text(PRINTABLE, min_size=MIN_KEY_CHARS, max_size=60) | st.sampled_from(ODD)
around = st.text(string.printable, max_size=30)


@given(held=st.lists(keys, min_size=1, max_size=4), before=around, after=around)
def test_a_held_key_is_found_wherever_it_stands(held: list[str], before: str, after: str) -> None:
    redactor = Redactor(held)
    for key in held:
        for form in (key, quote(key, safe=""), repr(key)):
            assert form.strip("'\"") not in redactor(f"{before} {form} {after}") or "[key]" in key


@given(keys, around)
def test_a_key_that_nobody_holds_any_more_is_forgotten(key: str, text: str) -> None:
    redactor, never = Redactor(), Redactor()
    redactor.hold(key)
    redactor.hold(key)
    redactor.drop(key)
    assume(never(key) == key and "[key]" not in key)
    assert key not in redactor(f"{text} {key}")
    redactor.drop(key)
    assert redactor(f"{text} {key}") == never(f"{text} {key}")
    assert not redactor._held
    assert not redactor._by_piece


def test_a_name_that_is_remembered_is_cleaned_anew_once_a_key_comes_or_goes() -> None:
    redactor = Redactor()
    assert redactor.name("openai/correct-horse-battery") == "openai/correct-horse-battery"
    redactor.hold("correct-horse-battery")
    assert redactor.name("openai/correct-horse-battery") == "openai/[key]"
    redactor.drop("correct-horse-battery")
    assert redactor.name("openai/correct-horse-battery") == "openai/correct-horse-battery"


def test_the_owners_keys_are_never_forgotten_and_may_be_short() -> None:
    redactor = Redactor(["hunter2x", "a-longer-password"])
    redactor.hold("a-longer-password")
    redactor.drop("a-longer-password")
    redactor.hold("answered")  # a visitor's: too short to hide a word of the log
    said = redactor("hunter2x answered with a-longer-password")
    assert said == "[key] answered with [key]"


def test_a_line_takes_no_longer_with_thousands_of_keys() -> None:
    line = "2026-11-22 22:05:36,028 INFO llm_hub.requests: page chat openai/gpt-6-luna answered in 0.727 s [abcdef]"
    few, many = Redactor(), Redactor()
    few.hold("sk-proj-only-one-of-them")
    for number in range(6000):
        many.hold(f"sk-proj-{number * 7919:036b}")

    def taken(redactor: Redactor) -> float:
        best = 1.0
        for _ in range(20):
            began = time.perf_counter()
            for _ in range(100):
                redactor(line)
            best = min(best, time.perf_counter() - began)
        return best

    assert taken(many) < 3 * taken(few)


async def test_a_visitors_key_is_left_out_for_as_long_as_their_tab_lives(tmp_path: Path) -> None:
    now, redactor, tabs = [0.0], Redactor(), ["a" * 40, "b" * 40]
    (tmp_path / ".env").write_text("")
    hub = Hub(Settings.load(tmp_path / ".env"))
    visitors = Visitors(hub, redactor=redactor, clock=lambda: now[0])
    for tab in tabs:
        visitors.add_key(tab, "openai", "plainwordkey")
    visitors.add_key(tabs[0], "anthropic", "other~odd~one~99")
    line = "It said plainwordkey and other~odd~one~99."
    assert redactor(line) == "It said [key] and [key]."
    visitors.add_key(tabs[0], "anthropic", "yet-another-one!")
    visitors.remove_key(tabs[0], "openai")
    visitors.sweep()
    assert redactor(line + "yet-another-one!") == "It said [key] and other~odd~one~99.[key]"
    now[0] += MAX_IDLE_SECONDS + CLOSED_TAB_GRACE
    visitors.sweep()
    assert redactor(line) == line
    await hub.aclose()


def test_what_may_be_a_key_in_an_addresss_query_is_left_out() -> None:
    urls = "http://one/v1?key=abc&api-version=2, http://two/v1?Auth-Token=a%20b"
    assert redact_query(urls) == "http://one/v1?key=[key]&api-version=2, http://two/v1?Auth-Token=[key]"


def test_no_outcome_is_taken_for_a_key() -> None:
    kinds = {one.kind for one in vars(errors).values() if isinstance(one, type) and hasattr(one, "kind")}
    assert {"key_refused", "rate_limited"} < kinds
    for kind in kinds:
        assert Redactor()(f"page chat openai/other {kind} in 0.727 s") == f"page chat openai/other {kind} in 0.727 s"
    assert Redactor()("key_refused2 key_refused_1") == "[key] [key]"
