"""Which targets are paused, for how long, and which request may probe. The clock is moved by hand."""

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
from llm_hub.router.target_health import PROBE_PATIENCE, Health, Pause, Permit
from tests.router.hand_clock import HandClock


class Vendor(LLMProvider):
    """A provider of which only the identity matters."""

    name = "vendor"

    async def stream(self, messages: object, model: object = None, **_: object) -> AsyncIterator[str]:
        yield "word"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def health(clock: HandClock) -> Health:
    return Health(clock=clock)


def admit(health: Health, provider: LLMProvider, model: str = "m") -> Permit:
    permit = health.admit(provider, model)
    assert permit is not None
    return permit


def fail(health: Health, provider: LLMProvider, error: ProviderError, times: int = 1, model: str = "m") -> None:
    for _ in range(times):
        admit(health, provider, model).settle(error)


def test_three_failures_in_a_row_pause_a_target_for_thirty_seconds(health: Health, clock: HandClock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=2)
    admit(health, vendor).settle(None)
    fail(health, vendor, ServerFailed("down"), times=2)
    assert health.current_pause(vendor, "m") is None
    fail(health, vendor, ServerFailed("down"))
    paused = health.current_pause(vendor, "m")
    assert paused is not None
    assert (paused.reason, paused.seconds) == ("down", 30.0)
    clock.now += 29.9
    assert health.admit(vendor, "m") is None


def test_after_a_pause_exactly_one_request_is_a_probe(health: Health, clock: HandClock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    permits = [permit for _ in range(50) if (permit := health.admit(vendor, "m")) is not None]
    assert len(permits) == 1
    assert permits[0].is_probe
    permits[0].settle(None)
    assert not admit(health, vendor).is_probe


def test_a_probe_that_fails_pauses_the_target_again(health: Health, clock: HandClock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    admit(health, vendor).settle(ServerFailed("still down"))
    assert health.admit(vendor, "m") is None
    clock.now += 30
    assert admit(health, vendor).is_probe


def test_a_probe_that_is_cancelled_leaves_room_for_the_next(health: Health, clock: HandClock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    admit(health, vendor).release()
    assert admit(health, vendor).is_probe


def test_a_probe_that_ends_in_the_users_own_error_leaves_room_for_the_next(health: Health, clock: HandClock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 30
    admit(health, vendor).settle(PromptTooLong("too long"))
    assert admit(health, vendor).is_probe


def test_cancellation_never_pauses_anything(health: Health) -> None:
    vendor = Vendor()
    for _ in range(10):
        admit(health, vendor).release()
    assert health.current_pause(vendor, "m") is None


def test_a_model_that_fails_does_not_pause_its_provider(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    assert health.admit(vendor, "another") is not None


def test_a_provider_that_cannot_be_reached_is_paused_with_all_its_models_for_everybody(health: Health) -> None:
    fail(health, Vendor(), ConnectionFailed("refused"), times=3)
    assert health.admit(Vendor(), "another") is None


def test_a_refused_key_is_paused_for_its_holder_only(health: Health, clock: HandClock) -> None:
    first, other = Vendor(), Vendor()
    fail(health, first, KeyRefused("refused"))
    clock.now += 1e6
    assert health.admit(first, "m") is None
    assert health.admit(first, "another") is None
    assert health.admit(other, "m") is not None
    paused = health.current_pause(first, "m")
    assert paused is not None
    assert paused.seconds is None


@pytest.mark.parametrize("error", [KeyRefused("no"), QuotaExhausted("no"), ModelNotFound("no")])
def test_a_last_target_is_asked_in_spite_of_an_indefinite_pause(health: Health, error: ProviderError) -> None:
    vendor = Vendor()
    fail(health, vendor, error)
    assert health.admit(vendor, "m") is None
    mended = health.admit(vendor, "m", last_resort=True)
    assert mended is not None
    mended.settle(None)
    assert health.admit(vendor, "m") is not None


def test_a_last_target_lets_one_probe_after_the_other_through_its_cool_down(
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


def test_a_pause_that_the_provider_asked_for_is_kept_for_a_last_target_too(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down", retry_after=60.0))
    assert health.admit(vendor, "m", last_resort=True) is None


def test_a_refusal_tells_how_long_the_pause_lasts(health: Health, clock: HandClock) -> None:
    vendor = Vendor()
    fail(health, vendor, ServerFailed("down"), times=3)
    clock.now += 10
    assert health.explain_refusal(vendor, "m", last_resort=False) == Pause("down", 20.0)


@pytest.mark.parametrize("indefinite", [None, KeyRefused("no")])
def test_a_refusal_while_a_probe_is_under_way_says_so_and_is_short(
    health: Health, indefinite: ProviderError | None
) -> None:
    vendor = Vendor()
    if indefinite is not None:
        fail(health, vendor, indefinite)
    for _ in range(3):
        health.settle(vendor, "m", ServerFailed("down"))
    assert health.admit(vendor, "m", last_resort=True) is not None
    assert health.admit(vendor, "m", last_resort=True) is None
    refusal = health.explain_refusal(vendor, "m", last_resort=True)
    assert (refusal.seconds, refusal.probed) == (PROBE_PATIENCE, True)


def test_a_refusal_of_a_last_target_tells_the_retry_after_and_not_the_indefinite_pause(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down", retry_after=60.0))
    health.settle(vendor, "m", KeyRefused("no"))
    assert health.explain_refusal(vendor, "m", last_resort=False) == Pause("no", None)
    assert health.explain_refusal(vendor, "m", last_resort=True) == Pause("slow down", 60.0)


def test_two_servers_of_one_name_are_judged_apart(health: Health) -> None:
    first, other = Vendor(), Vendor()
    first.address, other.address = "http://one", "http://other"
    fail(health, first, ServerFailed("down"), times=3)
    assert health.admit(first, "m") is None
    assert health.admit(other, "m") is not None


@pytest.mark.parametrize(("retry_after", "seconds"), [(5.0, None), (60.0, 60.0), (5.1, 5.1)])
def test_a_long_retry_after_pauses_the_target_for_that_long(
    health: Health, retry_after: float, seconds: float | None
) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down", retry_after=retry_after))
    paused = health.current_pause(vendor, "m")
    assert (paused and paused.seconds) == pytest.approx(seconds)


def test_rate_limits_without_a_time_count_as_failures(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, RateLimited("slow down"), times=3)
    assert health.admit(vendor, "m") is None


def test_a_reset_ends_a_pause(health: Health) -> None:
    vendor = Vendor()
    fail(health, vendor, QuotaExhausted("empty"))
    health.reset(vendor, "m")
    assert health.admit(vendor, "m") is not None
