"""A dialect is one object: everything that knows about dialects takes one that is not among the hub's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from typing_extensions import TypedDict

from llm_hub.api import PATHS
from llm_hub.api.bodies import ChatBody
from llm_hub.api.dialects import DIALECTS, recognise
from llm_hub.api.dialects.dialect import Dialect, ListedModel, ModelListFormat, StreamEvent
from llm_hub.api.early_refusals import EarlyRefusals
from llm_hub.api.encoding import dump, sse
from llm_hub.api.openapi import description
from llm_hub.api.shapes import ErrorObject
from llm_hub.chat import ChatRequest, Done, Event, LLMResponse, Message, Role, TextDelta
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.metrics import Metrics
from llm_hub.hub import Hub
from llm_hub.serving.front_door import FrontDoor
from tests.api.conftest import served
from tests.api.sse import events
from tests.fault_server import answer_text

TOY_CLIENT = {"toy-version": "1"}
DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


class ToyBody(ChatBody):
    say: str
    to: str = "openai/ok?tokens=3"

    def request(self) -> ChatRequest:
        return ChatRequest((Message(Role.USER, self.say),), self.to, fallback=())


class ToyAnswer(TypedDict):
    answer: str


class ToyError(TypedDict):
    problem: str


class ToyModel(TypedDict):
    toy: str


class ToyModels(TypedDict):
    toys: list[ToyModel]


def toy_answer(_: ToyBody, response: LLMResponse) -> ToyAnswer:
    return {"answer": response.content}


def toy_error(status: int, error: ErrorObject) -> tuple[int, ToyError]:
    return status, {"problem": error["message"]}


def toy_model(model: ListedModel) -> ToyModel:
    return {"toy": model.id}


def toy_models(models: Sequence[ListedModel]) -> ToyModels:
    return {"toys": [toy_model(model) for model in models]}


class ToyWriter:
    protocol = ""
    end = sse("over")
    sign_of_life = sse("ahoy")

    def event(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                return sse(text, "word")
            case Done(response):
                return sse(dump({"answer": response.content}), "all")
        return b""

    def error(self, status: int, error: ErrorObject, original: object = None) -> bytes:  # no vendor speaks it
        return sse(dump(toy_error(status, error)[1]), "problem")


TOY = Dialect(
    name="toy",
    path="/v1/toy",
    body=ToyBody,
    answer=toy_answer,
    writer=lambda _: ToyWriter(),
    error=toy_error,
    models=ModelListFormat(model=toy_model, model_list=toy_models, model_shape=ToyModel, model_list_shape=ToyModels),
    answer_shape=ToyAnswer,
    error_shape=ToyError,
    events=(StreamEvent(str, "word", text=True), StreamEvent(ToyAnswer, "all"), StreamEvent(ToyError, "problem")),
    client_header="toy-version",
    refused_paths={"/v1/toy/count": "Toys are not counted."},
)
WITH_TOY = (*DIALECTS, TOY)


@pytest.fixture
async def client(hub: Hub) -> Any:
    async with served(hub, {}, Meter(None, Metrics(hub.session())), dialects=WITH_TOY) as api:
        yield api.client


async def test_a_new_dialect_is_answered_at_its_path(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/toy", json={"say": "Hello"})
    assert (reply.status_code, reply.json()) == (200, {"answer": answer_text(3)})


async def test_a_new_dialect_streams_its_own_events(client: httpx.AsyncClient) -> None:
    stream = events((await client.post("/v1/toy", json={"say": "Hello", "stream": True})).text)
    assert "".join(data for name, data in stream if name == "word") == answer_text(3)
    assert [name for name, _ in stream[-2:]] == ["all", ""]
    assert stream[-1] == ("", "over")


async def test_a_late_failure_has_the_shape_of_a_new_dialect(client: httpx.AsyncClient) -> None:
    body = {"say": "Hello", "to": "openai/cut@mid", "stream": True}
    stream = events((await client.post("/v1/toy", json=body)).text)
    assert (stream[-2][0], stream[-2][1].startswith('{"problem":"')) == ("problem", True)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/v1/toy", {"say": 7}, {}, 400),
        ("POST", "/v1/toy", {"say": "Hello", "to": "nobody/x"}, {}, 404),
        ("POST", "/v1/toy", {"say": "Hello", "to": "openai/status-503"}, {}, 503),
        ("POST", "/v1/toy/count", {}, {}, 404),
        ("GET", "/v1/toy", {}, {}, 405),
        ("GET", "/v1/toy/nowhere", {}, {}, 404),
        ("GET", "/v1/nowhere", {}, TOY_CLIENT, 404),
        ("GET", "/v1/models/openai/nonsense", {}, TOY_CLIENT, 404),
        ("PUT", "/v1/chat", {}, TOY_CLIENT, 405),
    ],
)
async def test_every_refusal_has_the_shape_of_a_new_dialect(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    reply = await client.request(method, path, json=body, headers=headers)
    assert (reply.status_code, list(reply.json())) == (status, ["problem"])


@pytest.mark.parametrize(("path", "headers"), [("/v1/toy", {}), ("/v1/toy/count", {}), ("/v1/models", TOY_CLIENT)])
@pytest.mark.parametrize("status", [413, 429, 503])
async def test_a_refusal_before_any_endpoint_has_the_shape_of_a_new_dialect(
    path: str, headers: dict[str, str], status: int
) -> None:
    from llm_hub.serving.front_door.refusal import FrontDoorRefusal

    async def refuses(*_: Any) -> None:
        raise FrontDoorRefusal(status, "No.")

    front_door = FrontDoor(refuses, on_space=False, refuse_early=EarlyRefusals(dialects=WITH_TOY))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(front_door), base_url="http://hub.example") as caller:
        reply = await caller.post(path, headers=headers)
    assert (reply.status_code, reply.json()) == (status, {"problem": "No."})


async def test_clients_of_a_new_dialect_get_lists_of_models_in_its_shape(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models", headers=TOY_CLIENT)).json()
    assert listed["toys"][0] == {"toy": "auto"}
    assert (await client.get("/v1/models/openai/ok", headers=TOY_CLIENT)).json() == {"toy": "openai/ok"}
    assert (await client.get("/v1/models")).json()["object"] == "list"


async def test_a_new_dialect_is_described_by_what_it_reads_and_writes(client: httpx.AsyncClient) -> None:
    described = (await client.get("/v1/openapi.json")).json()
    operation = described["paths"]["/v1/toy"]["post"]
    assert operation["operationId"] == "toy"
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/ToyBody")
    assert operation["responses"]["4XX"]["content"]["application/json"]["schema"]["$ref"].endswith("/ToyError")
    assert {"ToyAnswer", "ToyError", "ToyModel", "ToyModels"} <= set(described["components"]["schemas"])
    assert "/v1/toy" not in description()["paths"]


async def test_the_endpoint_of_a_new_dialect_is_a_label_of_the_metrics(client: httpx.AsyncClient) -> None:
    await client.post("/v1/toy", json={"say": "Hello"})
    metrics = (await client.get("/metrics")).text
    assert 'llm_hub_http_requests_total{endpoint="/v1/toy",status="200"} 1.0' in metrics


def test_paths_and_headers_of_dialects_are_their_own() -> None:
    paths = [path for dialect in WITH_TOY for path in (dialect.path, *dialect.refused_paths)]
    headers = [dialect.client_header for dialect in WITH_TOY if dialect.client_header]
    names = [dialect.name for dialect in WITH_TOY]
    for unique in (paths, headers, names):
        assert len(set(unique)) == len(unique)
    assert all(path.startswith(PATHS) for path in paths)


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [
        ("/v1/chat", {}, "chat"),
        ("/v1/chat/completions", {}, "completions"),
        ("/v1/messages/count_tokens", {}, "messages"),
        ("/v1/responses/resp_1", {}, "responses"),
        ("/v1/chat", {"anthropic-version": "2023-06-01"}, "messages"),
        ("/v1/models", {}, "chat"),
        ("/v1/messages-of-another", {}, "chat"),
    ],
)
def test_a_client_is_recognised_by_its_header_and_then_by_the_path(
    path: str, headers: Mapping[str, str], dialect: str
) -> None:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert recognise({"type": "http", "path": path, "headers": sent}).name == dialect


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_documentation_names_every_path_of_a_dialect(dialect: Dialect[Any]) -> None:
    assert f"`POST {dialect.path}`" in DOCS
    assert all(f"`{path}`" in DOCS for path in dialect.refused_paths)


def test_the_description_is_valid_json_schema() -> None:
    for schema in description(WITH_TOY)["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
