"""When a second model is asked at once: the first is slower to begin than it nearly always is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.router import Target
    from llm_hub.router.attempt_history import AttemptHistory

QUANTILE = 0.95
"""The share of a model's first tokens that come sooner: of the others the wait is long enough to ask somebody else."""
MIN_MEASURED = 20
"""First tokens that must have been measured: of fewer, one in twenty is not known."""
MAX_HEDGED_SHARE = 0.058
"""Second requests for each first one: one in twenty is late, and not at even distances."""
MAX_HEDGED_AT_ONCE = 20
"""Second requests that may be made one after the other: where all are slow at once, a crowd of them helps nobody."""


class HedgeAllowance:
    """How many second requests may be made. One hub has one: they are counted over all its sessions."""

    def __init__(self) -> None:
        self._left = 0.0

    def add_request(self) -> None:
        """A first request was made."""
        self._left = min(MAX_HEDGED_AT_ONCE, self._left + MAX_HEDGED_SHARE)

    def take(self) -> bool:
        """Whether a second request may be made now. It counts as made."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


class MeasuredHedging:
    """Hedges by what was measured of each target. `history_of` finds the attempts at a provider, by its name."""

    def __init__(self, allowance: HedgeAllowance, history_of: Callable[[str], AttemptHistory | None]) -> None:
        self._allowance = allowance
        self._history_of = history_of
        self.take = allowance.take

    def delay(self, target: Target) -> float | None:
        """The seconds within which 19 of 20 first tokens of a target came; None: it was not measured often enough."""
        self._allowance.add_request()
        history = self._history_of(target.provider.name)
        delays = sorted(history.first_token_delays(target.model_id)) if history else []
        return delays[int(len(delays) * QUANTILE)] if len(delays) >= MIN_MEASURED else None
