"""Metrics for Prometheus, of what is asked over the API and on the page. Each server has a registry of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llm_hub.chat import split_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from prometheus_client import Counter, Histogram
    from prometheus_client.metrics_core import Metric

    from llm_hub.access.session import Session
    from llm_hub.chat import Attempt, Usage

OTHER = "other"
"""The label of every model that no provider lists: its name comes from a request, and each would be kept for ever."""
FIRST_TOKEN = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 12, 20, 40, 120)
"""Seconds."""
KINDS = {"prompt": "prompt_tokens", "completion": "completion_tokens", "reasoning": "reasoning_tokens"}


class _ModelCounters(NamedTuple):
    first_token: Histogram
    tokens: tuple[tuple[str, Counter], ...]
    price: Counter
    answered: Counter


class Metrics:
    """What is counted of a hub. `session` is the owner's, which sees everything."""

    def __init__(self, session: Session) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # a tenth of a second: not for all

        self._session = session
        self._registry = registry = CollectorRegistry()
        model = ("provider", "model")
        self._requests = Counter(
            "llm_hub_http_requests", "Requests to the API.", ("endpoint", "status"), registry=registry
        )
        self._attempts = Counter("llm_hub_attempts", "Requests to providers.", (*model, "outcome"), registry=registry)
        self._first_token = Histogram(
            "llm_hub_first_token_seconds",
            "Until an attempt's first token.",
            model,
            buckets=FIRST_TOKEN,
            registry=registry,
        )
        self._tokens = Counter("llm_hub_tokens", "Tokens as providers count them.", (*model, "kind"), registry=registry)
        self._price = Counter("llm_hub_price_dollars", "US dollars, where a price is known.", model, registry=registry)
        self.running = 0
        """Answers that are being given."""
        running = Gauge("llm_hub_running_streams", "Answers that are being given.", registry=registry)
        running.set_function(lambda: self.running)
        registry.register(_PausedCollector(self))
        self._models: dict[tuple[str, str], _ModelCounters] = {}
        self._labels: dict[tuple[str, str], tuple[str, str]] = {}
        self._known: dict[str, frozenset[str]] = {}

    def replied(self, endpoint: str, status: int) -> None:
        """Counts a reply of the API. `endpoint` is a path as it was declared, never as it was asked for."""
        self._requests.labels(endpoint, str(status)).inc()

    def tried(self, attempts: Sequence[Attempt]) -> None:
        """Counts attempts."""
        for attempt in attempts:
            label = self.label(attempt.provider, attempt.model)
            counters = self._counters(label)
            if attempt.outcome == "answered":
                counters.answered.inc()
            else:
                self._attempts.labels(*label, attempt.outcome).inc()
            if attempt.first_token is not None:
                counters.first_token.observe(attempt.first_token)

    def used(self, provider: str, model: str, usage: Usage, price: Decimal | None) -> None:
        """Counts what an attempt used."""
        counters = self._counters(self.label(provider, model))
        for name, counter in counters.tokens:
            if isinstance(count := usage.get(name), int) and count > 0:
                counter.inc(count)
        if price:
            counters.price.inc(float(price))

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def label(self, provider: str, model: str) -> tuple[str, str]:
        """The labels of a model: its own names where it is listed somewhere."""
        label = self._labels.get((provider, model))
        if label is None:
            label = (provider, model) if self._is_listed(provider, model) else (provider, OTHER)
            if provider not in self._known:
                return OTHER, OTHER
            if label[1] != OTHER:  # what is not listed yet may be later
                self._labels[label] = label
        return label

    def _is_listed(self, provider: str, model: str) -> bool:
        if provider not in self._known:
            self._known = {
                state.name: frozenset((state.default_model, *state.suggestions)) for state in self._session.providers()
            }
        return model in self._known.get(provider, ()) or any(
            model == info.id for info in self._session.last_models(provider)
        )

    def paused(self) -> Iterable[tuple[str, str, bool]]:
        """The targets that have been asked, and whether they are paused now; one label can stand for many."""
        paused: dict[tuple[str, str], bool] = {}
        for target in self._session.targets():
            provider, model = split_target(target.name)
            label = self.label(provider, model)
            paused[label] = paused.get(label, False) or (target.paused is not None and target.paused.seconds != 0)
        return ((provider, model, is_paused) for (provider, model), is_paused in paused.items())

    def _counters(self, label: tuple[str, str]) -> _ModelCounters:
        counters = self._models.get(label)
        if counters is None:
            counters = self._models[label] = _ModelCounters(
                self._first_token.labels(*label),
                tuple((name, self._tokens.labels(*label, kind)) for kind, name in KINDS.items()),
                self._price.labels(*label),
                self._attempts.labels(*label, "answered"),
            )
        return counters


class _PausedCollector:
    """Reads which targets are paused, each time the metrics are read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily("llm_hub_paused", "1 while a model is not asked.", labels=("provider", "model"))
        for provider, model, paused in self._metrics.paused():
            family.add_metric((provider, model), float(paused))
        yield family
