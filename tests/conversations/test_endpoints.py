"""The page's way to its conversations: whose they are, what is refused, and in which words."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette

from llm_hub.api import conversations as endpoints
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.document import encode, read_document, write_document
from llm_hub.conversations.open_conversations import BROWSER_HEADER, OpenConversations
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.conversations.turn_document import INTERRUPTED
from llm_hub.serving.front_door import FrontDoor
from llm_hub.storage.database import Database
from tests.conversations.generated import simple_turn

if TYPE_CHECKING:
    from pathlib import Path

MINE, YOURS = ({BROWSER_HEADER: letter * 43} for letter in "my")
NOWHERE = "/conversations/there-is-no-such-conversation"
WORDS = "words that nobody else may read"


class Hub:
    """The endpoints behind the front door, without the rest of the site. Requests come from a visitor's address."""

    def __init__(self, conversations: OpenConversations) -> None:
        self.conversations = conversations
        app = Starlette(routes=endpoints.routes(conversations))
        door = FrontDoor(app, on_space=False, clock=lambda: 0.0)
        transport = httpx.ASGITransport(door, client=("203.0.113.7", 1234))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://hub")

    async def put(self, conversation: Conversation, headers: dict[str, str]) -> httpx.Response:
        body = encode(write_document(conversation))
        return await self.client.put(f"/conversations/{conversation.id}", content=body, headers=headers)


@pytest.fixture
def hub() -> Hub:
    return Hub(OpenConversations(keeping="browser"))


def conversation() -> Conversation:
    made = Conversation()
    made.add(simple_turn(WORDS, f"An answer to {WORDS}"))
    return made


async def test_what_a_browser_hands_over_is_there_for_it_and_for_nobody_else(hub: Hub) -> None:
    made = conversation()
    head = (await hub.put(made, MINE)).raise_for_status().json()
    assert (head["id"], head["shown_title"], head["running"]) == (made.id, WORDS, False)
    address = f"/conversations/{made.id}"
    reply = await hub.client.get(address, headers=MINE)
    assert reply.headers["cache-control"] == "no-store"
    assert encode(write_document(read_document(reply.content))) == encode(write_document(made))
    for stranger in (YOURS, {}, {BROWSER_HEADER: ""}, {BROWSER_HEADER: "m"}):
        missing = await hub.client.get(NOWHERE, headers=stranger)
        for refused in (
            await hub.client.get(address, headers=stranger),
            await hub.client.patch(address, headers=stranger, json={"title": "Mine now"}),
        ):
            assert (refused.status_code, refused.content) == (404, missing.content)
        assert WORDS not in (await hub.client.get("/conversations", headers=stranger)).text
    assert made.id not in (await hub.client.get("/conversations", headers=MINE)).text  # which the browser itself has


async def test_a_stranger_who_knows_the_id_changes_nothing_by_handing_over_a_conversation_of_it(hub: Hub) -> None:
    made = conversation()
    await hub.put(made, MINE)
    forged = Conversation(id=made.id)
    for _ in range(9):
        forged.add(simple_turn("forged"))
    assert (await hub.put(forged, YOURS)).status_code == 200
    assert WORDS in (await hub.client.get(f"/conversations/{made.id}", headers=MINE)).text
    assert WORDS not in (await hub.client.get(f"/conversations/{made.id}", headers=YOURS)).text


async def test_twenty_visitors_at_once_never_see_each_others_anything(hub: Hub) -> None:
    visitors = [{BROWSER_HEADER: f"{number:02}" * 20} for number in range(20)]
    made = [Conversation() for _ in visitors]
    for number, each in enumerate(made):
        each.add(simple_turn(f"secret-{number:02}"))
    await asyncio.gather(*(hub.put(each, headers) for each, headers in zip(made, visitors, strict=True)))
    replies = await asyncio.gather(
        *(hub.client.get(f"/conversations/{each.id}", headers=headers) for headers in visitors for each in made)
    )
    for place, reply in enumerate(replies):
        visitor, whose = divmod(place, len(made))
        assert reply.status_code == (200 if visitor == whose else 404)
        assert (f"secret-{whose:02}" in reply.text) == (visitor == whose)


async def test_only_what_has_changed_is_fetched(hub: Hub) -> None:
    made = conversation()
    await hub.put(made, MINE)
    owner = hub.conversations.owner(MINE)
    here = await hub.conversations.find(owner, made.id)
    assert here is not None
    version = here.version
    here.add(simple_turn("the next"))
    reply = await hub.client.get(f"/conversations/{made.id}", params={"after": version}, headers=MINE)
    assert [node["number"] for node in reply.json()["nodes"]] == [2]
    assert reply.json()["version"] == here.version
    for after in ("-1", "x", "1e3", "9" * 30, "\u0661"):
        wrong = await hub.client.get(f"/conversations/{made.id}", params={"after": after}, headers=MINE)
        assert (wrong.status_code, list(wrong.json())) == (400, ["problem"])


async def test_a_hub_that_was_restarted_gets_the_half_answer_back_and_says_that_it_has_ended(hub: Hub) -> None:
    made = conversation()
    made.add(simple_turn("two", "Half of", outcome="pending"))
    head = (await hub.put(made, MINE)).json()
    assert head["version"] > made.version
    reply = await hub.client.get(f"/conversations/{made.id}", params={"after": made.version}, headers=MINE)
    [node] = reply.json()["nodes"]
    assert (node["turn"]["text"], node["turn"]["outcome"], node["turn"]["note"]) == ("Half of", "stopped", INTERRUPTED)


async def test_what_is_in_memory_and_newer_is_not_replaced(hub: Hub) -> None:
    made = conversation()
    await hub.put(made, MINE)
    here = await hub.conversations.find(hub.conversations.owner(MINE), made.id)
    assert here is not None
    here.add(simple_turn("asked since"))
    assert (await hub.put(made, MINE)).json()["version"] == here.version
    assert "asked since" in (await hub.client.get(f"/conversations/{made.id}", headers=MINE)).text


async def test_a_change_gives_the_new_head_and_a_deletion_can_be_taken_back(hub: Hub) -> None:
    made = conversation()
    await hub.put(made, MINE)
    address = f"/conversations/{made.id}"
    head = (await hub.client.patch(address, headers=MINE, json={"title": " Mine ", "pinned": True})).json()
    assert (head["title"], head["pinned"]) == ("Mine", True)
    await hub.client.patch(address, headers=MINE, json={"deleted": True})
    assert (await hub.client.get(address, headers=MINE)).status_code == 404
    await hub.client.patch(address, headers=MINE, json={"deleted": False})
    assert (await hub.client.get(address, headers=MINE)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [b"", b"null", b"[]", b'{"titel": "x"}', b'{"pinned": "yes"}', b'{"deleted": 1}', b'{"title": 7}', b"\xff",
        b'{"__proto__": {}}', b'{"title": "' + b"x" * 2000 + b'"}', b'{"title": "\\ud800"}'],
)  # fmt: skip
async def test_a_change_of_a_wrong_shape_is_refused(hub: Hub, change: bytes) -> None:
    made = conversation()
    await hub.put(made, MINE)
    reply = await hub.client.patch(f"/conversations/{made.id}", headers=MINE, content=change)
    assert (reply.status_code, list(reply.json())) == (400, ["problem"])
    assert (await hub.client.get(f"/conversations/{made.id}", headers=MINE)).json()["version"] == made.version


async def test_a_document_that_is_refused_leaves_what_is_there(hub: Hub) -> None:
    made = conversation()
    await hub.put(made, MINE)
    document: dict[str, Any] = orjson.loads(encode(write_document(made)))
    newer = {**document, "version": 99}
    for wrong in (
        {**newer, "nodes": [{**document["nodes"][0], "parent": 1}]},
        {**newer, "id": "another-conversations-id"},
        {**newer, "leaves": {"0": 5}},
        [newer],
    ):
        reply = await hub.client.put(f"/conversations/{made.id}", headers=MINE, content=orjson.dumps(wrong))
        assert reply.status_code == 400
        assert reply.json()["problem"].endswith(".")
    assert (await hub.client.get(f"/conversations/{made.id}", headers=MINE)).json()["version"] == made.version


@pytest.mark.parametrize("says_its_length", [True, False])
async def test_a_document_of_a_hundred_megabytes_is_refused_in_plain_words(hub: Hub, says_its_length: bool) -> None:
    async def body() -> Any:
        for _ in range(100):
            yield b"x" * 2**20

    headers = MINE | ({"content-length": str(100 * 2**20)} if says_its_length else {})
    reply = await hub.client.put(NOWHERE, headers=headers, content=body())
    assert reply.status_code == 413
    assert reply.json() == {"problem": "That is too much for one request."}


async def test_a_large_document_is_read_and_too_many_of_them_are_refused(hub: Hub) -> None:
    made = Conversation()
    made.add(simple_turn("x" * 20 * 2**20))
    assert (await hub.put(made, MINE)).status_code == 200
    blank = b" " * 31 * 2**20
    replies = [await hub.client.put(NOWHERE, headers=MINE, content=blank) for _ in range(8)]
    assert [reply.status_code for reply in replies] == [400] * 7 + [429]
    assert "Wait a little" in replies[-1].json()["problem"]


async def test_no_more_lists_are_read_than_a_page_needs(hub: Hub) -> None:
    replies = [await hub.client.get("/conversations", headers=MINE) for _ in range(605)]
    assert {reply.status_code for reply in replies[:595]} == {200}
    assert replies[-1].status_code == 429
    assert replies[-1].headers["retry-after"]


async def test_another_sites_page_is_refused(hub: Hub) -> None:
    for method in ("GET", "PUT", "PATCH", "OPTIONS"):
        reply = await hub.client.request(method, NOWHERE, headers=MINE | {"origin": "https://evil.example"})
        assert reply.status_code == 403
        assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "a", "x" * 65, "%00" * 20, "id with spaces in it"])
async def test_what_is_no_id_is_nowhere(hub: Hub, name: str) -> None:
    reply = await hub.client.get(f"/conversations/{name}", headers=MINE)
    assert reply.status_code == 404


async def test_where_nothing_is_kept_a_conversation_lives_in_memory_alone() -> None:
    hub = Hub(OpenConversations(keeping="off"))
    made = conversation()
    assert (await hub.put(made, MINE)).status_code == 200
    here = await hub.conversations.find(hub.conversations.owner(MINE), made.id)
    assert here is not None
    assert not here.is_kept
    listed = (await hub.client.get("/conversations", headers=MINE)).json()
    assert listed == {"keeping": "off", "conversations": [], "problem": ""}


async def test_a_hub_that_keeps_them_itself_takes_none_from_a_browser(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    hub = Hub(OpenConversations(SqlConversationStore(database)))
    reply = await hub.put(conversation(), MINE)
    assert reply.status_code == 409
    assert "Import" in reply.json()["problem"]
    await database.aclose()


async def test_a_database_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "hub.db").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    hub = Hub(OpenConversations(SqlConversationStore(database)))
    listed = (await hub.client.get("/conversations")).json()
    assert "LLM_HUB_DATABASE_URL" in listed["problem"]
    for reply in (await hub.client.get(NOWHERE), await hub.client.patch(NOWHERE, json={"pinned": True})):
        assert reply.status_code == 503
        assert "LLM_HUB_DATABASE_URL" in reply.json()["problem"]
        assert str(tmp_path) not in reply.text
    await database.aclose()
