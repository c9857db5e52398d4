"""Whoever speaks Gradio's protocol may say anything in the place of what the page would: a clear refusal, and no more.

Nothing here knows a tab: the events and what they read are those of `/config`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr
import httpx
import pytest
from gradio.state_holder import StateHolder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_hub.ui.gradio_fixes.event_inputs import EventInputs
from tests.security.test_closed import CANARY, forged
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
PLACES: list[Any] = [None, 7, "x", [], {}, {"what": []}, {"index": None}, {"index": "0", "value": "x"},
    {"index": [], "value": "x", "previous_value": 1}, {"index": [[0]], "value": {}, "previous_value": 1},
    {"index": -99, "value": ["x"], "previous_value": 1}, {"index": 1.5, "value": "x", "previous_value": ""},
    {"index": [10**30], "value": "x", "previous_value": ""}, {"what": DEEP}, {"what": "try " + "x" * 100_000},
    {"target": {}, "_data": {}, "what": "up x"}]  # fmt: skip

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


class Forger(Tab):
    """A tab that says what no page says."""

    def __init__(self, client: httpx.AsyncClient, config: dict[str, Any]) -> None:
        super().__init__(client, config)
        self.events = [event for event in config["dependencies"] if event["backend_fn"]]
        self.kinds = {part["id"]: part["type"] for part in config["components"]}
        self.blank = {part["id"] for part in config["components"] if part["props"].get("choices") == []}

    def honest(self, event: dict[str, Any]) -> dict[str, Any]:
        said = {"index": 0, "value": "x", "previous_value": "x", "what": "x"}
        values = {"chat-prompt": {"text": "Hello", "files": []}, "compare-prompt": "Hello"}
        return self._call(event, values) | {"event_data": said}

    async def says(self, event: dict[str, Any], body: dict[str, Any]) -> str:
        """What came of it, if it is not an error of the server's own."""
        if not event["queue"]:
            said = await self._client.post("/gradio_api/run/predict", json=body)
            assert said.status_code in (200, 400, 422), (event["api_name"], said.status_code, str(body)[:300])
            assert said.is_success or said.json()["detail"]
            return said.text
        joined = await self._client.post("/gradio_api/queue/join", json=body)
        assert joined.status_code in (200, 400, 422), (event["api_name"], joined.status_code, str(body)[:300])
        if not joined.is_success:
            return joined.text
        heard = await self._client.get(f"/gradio_api/queue/data?session_hash={body['session_hash']}")
        completed = [line for line in heard.text.splitlines() if '"process_completed"' in line]
        assert all(json.loads(line.removeprefix("data: "))["success"] for line in completed), (
            event["api_name"],
            completed,
        )
        assert completed
        return heard.text


def refused(said: str) -> bool:
    return said.startswith('{"detail":')


@pytest.fixture(autouse=True)
def _nothing_is_logged(site: Site) -> Iterator[None]:
    before = len(site.log.read_text())
    yield
    said = site.log.read_text()[before:]
    assert not any(word in said for word in ("ERROR", "WARNING", "Traceback", "failed"))
    assert httpx.get(f"{site.url}/health", trust_env=False).json() == {"status": "ready"}


async def test_what_the_page_itself_sends_is_taken(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    tab = Forger(client, config)
    read = {tab.kinds[part] for event in tab.events for part in event["inputs"]}
    assert read >= {"dropdown", "radio", "checkbox", "textbox", "multimodaltextbox", "state"}
    for event in tab.events:
        if not tab.blank & {*event["inputs"]}:  # of a list that offers nothing yet nothing can be chosen
            assert not refused(await tab.says(event, tab.honest(event))), event["api_name"]


async def test_a_forged_value_is_refused(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    """Every value in the place of every part where it is first read, and some of them wherever it is read again."""
    met: dict[int, int] = {}
    counts = {kind: [0, 0] for kind in ("dropdown", "radio", "checkbox", "textbox", "multimodaltextbox")}
    for event in Forger(client, config).events:
        tab = Forger(client, config)
        for place, part in enumerate(event["inputs"]):
            if tab.kinds[part] == "state":
                continue
            again = met[part] = met.get(part, -1) + 1
            for value in VALUES[again % 9 :: 9] if again else VALUES:
                body = tab.honest(event)
                body["data"][place] = value
                said = await tab.says(event, body)
                assert CANARY not in said
                assert "environ" not in said
                counts[tab.kinds[part]][refused(said)] += 1
    assert all(turned_away > 3 * taken for taken, turned_away in counts.values()), counts


async def test_a_forged_state_is_not_read(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    for event in Forger(client, config).events:
        tab = Forger(client, config)
        states = [place for place, part in enumerate(event["inputs"]) if tab.kinds[part] == "state"]
        for value in (VALUES[1], VALUES[12], VALUES[18], DEEP, [{"prompt": CANARY}]) if states else ():
            body = tab.honest(event)
            for place in states:
                body["data"][place] = value
            assert CANARY not in await tab.says(event, body)


async def test_what_is_forged_of_the_event_itself_is_refused(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    for event in Forger(client, config).events:
        tab = Forger(client, config)
        for said in PLACES:
            await tab.says(event, tab.honest(event) | {"event_data": said})
        for more in ({"batched": True}, {"simple_format": True}, {"event_id": "x"}, {"oauth_token": "x"}, {"x": 1},
                     {"trigger_id": "x"}, {"data": []}, {"data": [None] * 99}):  # fmt: skip
            if more != {"data": []} or event["inputs"]:
                told = await tab.says(event, tab.honest(event) | more)
                assert refused(told), (event["api_name"], more)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_anything_at_all_breaks_nothing(site: Site, data: st.DataObject) -> None:
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as client:
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
        way = "queue/join" if event["queue"] else "run/predict"
        assert client.post(f"/gradio_api/{way}", json=body).status_code in (200, 400, 422)


_KNOWN: dict[str, dict[str, Any]] = {}


def _config(client: httpx.Client) -> dict[str, Any]:
    where = str(client.base_url)
    if where not in _KNOWN:
        _KNOWN[where] = client.get("/config").json()
    return _KNOWN[where]


async def test_a_kind_of_part_without_a_rule_is_noticed_when_the_page_is_built() -> None:
    with gr.Blocks() as blocks:
        gr.Slider().change(lambda value: None, gr.Slider())
    with pytest.raises(TypeError, match="Slider"):
        EventInputs(blocks, StateHolder())
