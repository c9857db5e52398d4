"""Who is paused, for how long, and who may ask whether it is over. The clock is a number."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from llm_hub.errors import (
    ConnectionFailed,
    KeyRefused,
    ModelNotFound,
    PromptTooLong,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
)
from llm_hub.provider import LLMProvider
from llm_hub.router.circuit_breaker import PROBE_PATIENCE, Health, Pause, Permit


class Vendor(LLMProvider):
    """A provider of which only the identity matters."""

    name = "vendor"

    async def stream(self, messages, model=None, **_: object) -> AsyncIterator[str]:  # type: ignore[no-untyped-def,override]
        yield "word"


class Clock:
    """Seconds, moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(clock=clock)


def permit(health: Health, provider: LLMProvider, model: str = "m") -> Permit:
    given = health.admit(provider, model)
    assert given is not None
    return given


def fail(health: Health, provider: LLMProvider, error: ProviderError, times: int = 1, model: str = "m") -> None:
    for _ in range(times):
        permit(health, provider, model).settle(error)


def test_three_failures_in_a_row_pause_a_target_for_thirty_seconds(health: Health, clock: Clock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=2)
    permit(health, vendor).settle(None)
    fail(health, vendor, ServerFailed("down"), times=2)
    assert health.current_pause(vendor, "m") is None
    fail(health, vendor, ServerFailed("down"))
    paused = health.current_pause(vendor, "m")
    assert paused is not None
    assert (paused.reason, paused.seconds) == ("down", 30.0)
    clock.now += 29.9
    assert health.admit(vendor, "m") is None


def test_then_exactly_one_request_finds_out_whether_it_is_back(health: Health, clock: Clock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    permits = [health.admit(vendor, "m") for _ in range(50)]
    given = [one for one in permits if one is not None]
    assert len(given) == 1
    assert given[0].is_probe
    given[0].settle(None)
    assert not permit(health, vendor).is_probe


def test_a_probe_that_fails_pauses_the_target_again(health: Health, clock: Clock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    permit(health, vendor).settle(ServerFailed("still down"))
    assert health.admit(vendor, "m") is None
    clock.now += 30
    assert permit(health, vendor).is_probe


def test_a_probe_that_is_cancelled_leaves_room_for_the_next(health: Health, clock: Clock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    permit(health, vendor).release()
    assert permit(health, vendor).is_probe


def test_a_probe_that_ends_in_the_users_own_error_leaves_room_for_the_next(health: Health, clock: Clock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    permit(health, vendor).settle(PromptTooLong("too long"))
    assert permit(health, vendor).is_probe


def test_cancellation_never_pauses_anything(health: Health) -> None:
    vendor = Vendor()
    for _ in range(10):
        permit(health, vendor).release()
    assert health.current_pause(vendor, "m") is None


def test_a_model_that_fails_does_not_pause_its_provider(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    assert health.admit(vendor, "another") is not None


def test_a_provider_that_cannot_be_reached_is_paused_with_all_its_models_for_everybody(health: Health) -> None:
    fail(health, Vendor(), ConnectionFailed("refused"), times=3)
    assert health.admit(Vendor(), "another") is None


def test_a_refused_key_is_held_for_whoever_has_it_and_nobody_else(health: Health, clock: Clock) -> None:
    one, other = Vendor(), Vendor()
    fail(health, one, KeyRefused("refused"))
    clock.now += 1e6
    assert health.admit(one, "m") is None
    assert health.admit(one, "another") is None
    assert health.admit(other, "m") is not None
    paused = health.current_pause(one, "m")
    assert paused is not None
    assert paused.seconds is None


@pytest.mark.parametrize("error", [KeyRefused("no"), QuotaExhausted("no"), ModelNotFound("no")])
def test_what_only_a_person_can_mend_is_asked_all_the_same_when_nobody_else_is_left(
    health: Health, error: ProviderError
) -> None:
    vendor = Vendor()
    fail(health, vendor, error)
    assert health.admit(vendor, "m") is None
    mended = health.admit(vendor, "m", last_resort=True)
    assert mended is not None
    mended.settle(None)
    assert health.admit(vendor, "m") is not None


def test_where_nobody_else_is_left_one_request_after_the_other_finds_out_whether_a_pause_is_over(
    health: Health,
) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    assert health.admit(vendor, "m") is None
    probe = health.admit(vendor, "m", last_resort=True)
    assert probe is not None
    assert health.admit(vendor, "m", last_resort=True) is None
    probe.settle(None)
    assert health.admit(vendor, "m") is not None


def test_a_pause_that_the_provider_asked_for_is_kept_also_when_nobody_else_is_left(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down", retry_after=60.0))
    assert health.admit(vendor, "m", last_resort=True) is None


def test_who_is_not_let_through_is_told_how_long_the_pause_lasts(health: Health, clock: Clock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 10
    assert health.explain_refusal(vendor, "m", last_resort=False) == Pause("down", 20.0)


@pytest.mark.parametrize("hold", [None, KeyRefused("no")])
def test_who_waits_for_a_probe_alone_is_told_so_and_to_come_back_soon(
    health: Health, hold: ProviderError | None
) -> None:
    vendor = Vendor()
    if hold is not None:
        fail(health, vendor, hold)
    for _ in range(3):
        health.settle(vendor, "m", ServerFailed("down"))
    assert health.admit(vendor, "m", last_resort=True) is not None
    assert health.admit(vendor, "m", last_resort=True) is None
    refusal = health.explain_refusal(vendor, "m", last_resort=True)
    assert (refusal.seconds, refusal.probed) == (PROBE_PATIENCE, True)


def test_a_wait_that_the_provider_asked_for_is_told_beside_a_hold(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down", retry_after=60.0))
    health.settle(vendor, "m", KeyRefused("no"))
    assert health.explain_refusal(vendor, "m", last_resort=False) == Pause("no", None)
    assert health.explain_refusal(vendor, "m", last_resort=True) == Pause("slow down", 60.0)


def test_two_servers_of_one_name_are_two(health: Health) -> None:
    one, other = Vendor(), Vendor()
    one.address, other.address = "http://one", "http://other"
    fail(health, one, ServerFailed("down"), times=3)
    assert health.admit(one, "m") is None
    assert health.admit(other, "m") is not None


@pytest.mark.parametrize(("asked", "held"), [(5.0, None), (60.0, 60.0), (5.1, 5.1)])
def test_a_long_retry_after_holds_the_target_for_that_long(health: Health, asked: float, held: float | None) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down", retry_after=asked))
    paused = health.current_pause(vendor, "m")
    assert (paused and paused.seconds) == pytest.approx(held)


def test_rate_limits_without_a_time_count_as_failures(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down"), times=3)
    assert health.admit(vendor, "m") is None


def test_somebody_may_say_that_the_cause_is_mended(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, QuotaExhausted("empty"))
    health.reset(vendor, "m")
    assert health.admit(vendor, "m") is not None
