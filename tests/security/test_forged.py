"""Forged events: a client of Gradio's protocol sends what the page never would, and gets a clear refusal.

No event of the page is named here. The tests take all of them, and what each one reads, from `/config`.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING, Any

import gradio as gr
import httpx
import pytest
from gradio.state_holder import StateHolder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_hub.ui.gradio_fixes.event_inputs import EventInputs
from tests.security.test_closed import CANARY, forged
from tests.ui.site import NO_TLS
from tests.ui.tab import Tab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ui.site import Site

DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]
VALUES: list[Any] = [
    None, True, 0, 1.0, -1, 10**30, "", "nobody", "auto", "a\0b\u202e", "9" * 5000, "x" * 1_000_000,
    [], [[]], ["openai"], [None] * 1000, DEEP, {}, {"value": "openai"}, {"__type__": "update", "choices": [["x", "x"]]},
    {"text": 1, "files": []}, {"text": "x", "files": "x"}, {"text": "x", "files": [{}]}, {"text": "x", "files": [[]]},
    *forged("/proc/self/environ"), forged("/" + "x" * 5000)[2], forged("a\0b")[2], forged("https://example.com/a.png")[2],
]  # fmt: skip
EVENT_DATA: list[Any] = [7, "x", [], {}, {"what": []}, {"index": None}, {"index": "0", "value": "x"},
    {"index": [], "value": "x", "previous_value": 1}, {"index": [[0]], "value": {}, "previous_value": 1},
    {"index": -99, "value": ["x"], "previous_value": 1}, {"index": 1.5, "value": "x", "previous_value": ""},
    {"index": [10**30], "value": "x", "previous_value": ""}, {"what": DEEP}, {"what": "try " + "x" * 100_000},
    {"target": {}, "_data": {}, "what": "up x"}]  # fmt: skip
"""What a client may claim about where an event happened."""

FORGED_FIELDS: list[dict[str, Any]] = [
    {"batched": True}, {"simple_format": True}, {"event_id": "x"}, {"oauth_token": "x"}, {"x": 1}, {"trigger_id": "x"},
    {"data": []}, {"data": [None] * 99},
]  # fmt: skip

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


class Forger(Tab):
    """A tab that sends what the page never sends."""

    def __init__(self, client: httpx.AsyncClient, config: dict[str, Any]) -> None:
        super().__init__(client, config)
        self.events = [event for event in config["dependencies"] if event["backend_fn"]]
        self.kinds = {part["id"]: part["type"] for part in config["components"]}
        self.blank = {part["id"] for part in config["components"] if part["props"].get("choices") == []}

    def honest(self, event: dict[str, Any]) -> dict[str, Any]:
        """The body that the page itself would send."""
        event_data = {"index": 0, "value": "x", "previous_value": "x", "what": "x"}
        values = {"chat-prompt": {"text": "Hello", "files": []}, "compare-prompt": {"text": "Hello", "files": []}}
        return self._call(event, values) | {"event_data": event_data}

    async def submit(self, event: dict[str, Any], body: dict[str, Any]) -> str:
        """The reply's text. Fails for an error of the server's own."""
        if not event["queue"]:
            reply = await self._client.post("/gradio_api/run/predict", json=body)
            assert reply.status_code in (200, 400, 422), (event["api_name"], reply.status_code, str(body)[:300])
            assert reply.is_success or reply.json()["detail"]
            return reply.text
        joined = await self._client.post("/gradio_api/queue/join", json=body)
        assert joined.status_code in (200, 400, 422), (event["api_name"], joined.status_code, str(body)[:300])
        if not joined.is_success:
            return joined.text
        stream = await self._client.get(f"/gradio_api/queue/data?session_hash={body['session_hash']}")
        completed = [line for line in stream.text.splitlines() if '"process_completed"' in line]
        assert all(json.loads(line.removeprefix("data: "))["success"] for line in completed), (
            event["api_name"],
            completed,
        )
        assert completed
        return stream.text


def is_refusal(text: str) -> bool:
    return text.startswith('{"detail":')


@pytest.fixture(autouse=True)
def _nothing_is_logged(site: Site) -> Iterator[None]:
    before = len(site.log.read_text())
    yield
    logged = site.log.read_text()[before:]
    assert not any(word in logged for word in ("ERROR", "WARNING", "Traceback", "failed"))
    assert httpx.get(f"{site.url}/health", trust_env=False, verify=NO_TLS).json() == {"status": "ready"}


async def test_what_the_page_itself_sends_is_taken(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    tab = Forger(client, config)
    read = {tab.kinds[part] for event in tab.events for part in event["inputs"]}
    assert read >= {"dropdown", "radio", "checkbox", "textbox", "multimodaltextbox", "state"}
    for event in tab.events:
        if not tab.blank & {*event["inputs"]}:  # of a list that offers nothing yet nothing can be chosen
            assert not is_refusal(await tab.submit(event, tab.honest(event))), event["api_name"]


@pytest.mark.parametrize("kind", ["dropdown", "radio", "checkbox", "textbox", "multimodaltextbox"])
async def test_a_forged_value_is_refused(client: httpx.AsyncClient, config: dict[str, Any], kind: str) -> None:
    """Every value in the place of every part where it is first read, and some of them wherever it is read again."""
    earlier_reads: Counter[int] = Counter()
    accepted, refused = 0, 0
    for event in Forger(client, config).events:
        tab = Forger(client, config)
        for place, part in enumerate(event["inputs"]):
            if tab.kinds[part] != kind:
                continue
            again = earlier_reads[part]
            earlier_reads[part] += 1
            for value in VALUES[again % 9 :: 9] if again else VALUES:
                body = tab.honest(event)
                body["data"][place] = value
                text = await tab.submit(event, body)
                assert CANARY not in text
                assert "environ" not in text
                accepted, refused = (accepted, refused + 1) if is_refusal(text) else (accepted + 1, refused)
    assert refused > 3 * accepted


async def test_a_forged_state_is_not_read(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    """Each event gets one of the values: Gradio keeps them from all events in the same place."""
    values = cycle([VALUES[1], VALUES[12], VALUES[18], DEEP, [{"prompt": CANARY}]])
    for event in Forger(client, config).events:
        tab = Forger(client, config)
        states = [place for place, part in enumerate(event["inputs"]) if tab.kinds[part] == "state"]
        if states:
            body = tab.honest(event)
            for place in states:
                body["data"][place] = next(values)
            assert CANARY not in await tab.submit(event, body)


async def test_forged_event_data_breaks_nothing(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    """All of them at an event that reads them, which without any is refused, and in turn one at each other event."""
    others = cycle(EVENT_DATA)
    for event in Forger(client, config).events:
        tab = Forger(client, config)
        reads = is_refusal(await tab.submit(event, tab.honest(event) | {"event_data": None}))
        for event_data in EVENT_DATA if reads else [next(others)]:
            await tab.submit(event, tab.honest(event) | {"event_data": event_data})


@pytest.mark.parametrize("fields", FORGED_FIELDS, ids=range(len(FORGED_FIELDS)))
async def test_an_event_with_a_forged_field_is_refused(
    client: httpx.AsyncClient, config: dict[str, Any], fields: dict[str, Any]
) -> None:
    for event in Forger(client, config).events:
        tab = Forger(client, config)
        if fields != {"data": []} or event["inputs"]:
            text = await tab.submit(event, tab.honest(event) | fields)
            assert is_refusal(text), event["api_name"]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_anything_at_all_breaks_nothing(site: Site, data: st.DataObject) -> None:
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30, verify=NO_TLS) as client:
        config = _config(client)
        events = {event["id"]: event for event in config["dependencies"] if event["backend_fn"]}
        event = events[data.draw(st.sampled_from(sorted(events)))]
        body = {
            "data": [data.draw(anything) for _ in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": "anything",
            "event_data": data.draw(anything),
            "trigger_id": data.draw(st.none() | st.integers(0, 300) | anything),
        }
        path = "queue/join" if event["queue"] else "run/predict"
        assert client.post(f"/gradio_api/{path}", json=body).status_code in (200, 400, 422)


_CONFIGS: dict[str, dict[str, Any]] = {}


def _config(client: httpx.Client) -> dict[str, Any]:
    url = str(client.base_url)
    if url not in _CONFIGS:
        _CONFIGS[url] = client.get("/config").json()
    return _CONFIGS[url]


async def test_a_kind_of_part_without_a_rule_is_noticed_when_the_page_is_built() -> None:
    with gr.Blocks() as blocks:
        gr.Slider().change(lambda value: None, gr.Slider())
    with pytest.raises(TypeError, match="Slider"):
        EventInputs(blocks, StateHolder())  # type: ignore[no-untyped-call]  # Gradio's
