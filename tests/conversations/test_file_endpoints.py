"""Conversations come in and go out as files, where the hub keeps them and where browsers do."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from sqlalchemy import event
from starlette.applications import Starlette

from llm_hub.api import conversation_files as endpoints
from llm_hub.api import conversations as list_endpoints
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.document import encode, read_document, write_document
from llm_hub.conversations.open_conversations import BROWSER_HEADER, OpenConversations
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.serving.front_door import FrontDoor
from llm_hub.storage.database import Database
from llm_hub.ui.render import conversation_file
from tests.conversations import exports
from tests.conversations.generated import simple_turn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

MINE, YOURS = ({BROWSER_HEADER: letter * 43} for letter in "my")
HARM = "<script>alert(1)</script> ![x](http://evil.example/?q) \u202e"


class Hub:
    """The endpoints behind the front door. `client` is a browser's that sends its secret."""

    def __init__(self, conversations: OpenConversations) -> None:
        self.conversations = conversations
        app = Starlette(
            routes=[*list_endpoints.routes(conversations), *endpoints.routes(conversations, conversation_file)]
        )
        self.app = app
        door = FrontDoor(app, on_space=False, clock=lambda: 0.0)
        transport = httpx.ASGITransport(door, client=("203.0.113.7", 1234))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://hub", headers=MINE)

    async def keep(self, conversation: Conversation) -> str:
        """Puts a conversation where the hub finds it, and gives its address."""
        conversation.owner = self.conversations.owner(MINE)
        self.conversations.adopt(conversation)
        await self.conversations.save(conversation)
        return f"/conversations/{conversation.id}"

    async def take_in(self, value: Any) -> httpx.Response:
        body = value if isinstance(value, bytes) else orjson.dumps(value)
        return await self.client.post("/conversations/import", content=body)


@pytest.fixture
async def owners(tmp_path: Path) -> AsyncIterator[Hub]:
    """A hub that keeps its owner's conversations in a database."""
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}")
    yield Hub(OpenConversations(SqlConversationStore(database)))
    await database.aclose()


@pytest.fixture
def visitors() -> Hub:
    """A hub whose visitors keep their conversations in their browsers."""
    return Hub(OpenConversations(keeping="browser"))


@pytest.fixture(params=["owners", "visitors"])
def hub(request: pytest.FixtureRequest) -> Hub:
    hub: Hub = request.getfixturevalue(request.param)
    return hub


def talk(title: str = "") -> Conversation:
    made = Conversation()
    made.add(simple_turn("What is up?", "Not this"))
    made.add(simple_turn("What is up?", f"The sky {HARM}", note="It ends here"), after=0)
    made.add(simple_turn(HARM))
    made.rename(title)
    return made


async def test_one_is_saved_as_it_is(hub: Hub) -> None:
    made = talk("CON: what/is \u202e<up>?")
    address = await hub.keep(made)
    reply = await hub.client.get(f"{address}/export?as=json")
    assert write_document(read_document(reply.content)) == write_document(made)
    disposition = reply.headers["content-disposition"]
    assert disposition == "attachment; filename=\"CON what is up.json\"; filename*=UTF-8''CON%20what%20is%20up.json"
    assert reply.headers["cache-control"] == "no-store"


async def test_it_is_saved_to_be_read_and_to_be_printed(hub: Hub) -> None:
    address = await hub.keep(talk())
    markdown = (await hub.client.get(f"{address}/export?as=markdown")).text
    assert "## Prompt 1 (version 2 of 2)" in markdown
    assert "> The sky" in markdown
    assert "> The sky <script" not in markdown
    assert "Not this" not in markdown
    assert "*It ends here*" in markdown
    html = (await hub.client.get(f"{address}/export?as=html")).text
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "\u202e" not in html
    assert "default-src 'none'" in html
    assert "(version 2 of 2)" in html


async def test_nobody_else_saves_it_and_there_are_three_ways(visitors: Hub) -> None:
    address = await visitors.keep(talk())
    assert (await visitors.client.get(f"{address}/export?as=json", headers=YOURS)).status_code == 404
    reply = await visitors.client.get(f"{address}/export?as=pdf")
    assert reply.status_code == 400
    assert reply.json() == {"problem": "as is one of markdown, json, html."}


@pytest.mark.parametrize(
    ("title", "name"),
    [("aux", "aux_"), ("COM1.txt", "COM1.txt_"), ("a\\b/..", "a b"), (". .", "Conversation"), ("日本", "日本"),
        ("x" * 80, "x" * 60)],
)  # fmt: skip
def test_a_title_is_a_files_name_on_every_system(title: str, name: str) -> None:
    made = Conversation()
    made.rename(title)
    assert conversation_file.file_name(made) == name


async def test_everything_is_a_zip_that_can_be_imported(hub: Hub) -> None:
    made = [talk("One"), talk("Two")]
    for conversation in made:
        await hub.keep(conversation)
    body = encode({"documents": [write_document(conversation) for conversation in made]})
    reply = await hub.client.post("/conversations/export", content=body)
    names = sorted(zipfile.ZipFile(io.BytesIO(reply.content)).namelist())
    assert [name.split("/")[0] for name in names] == ["json", "json", "markdown", "markdown"]
    again = (await hub.take_in(reply.content)).json()
    if hub.conversations.store is None:
        documents = {document.pop("copy_id"): document for document in again["documents"]}
        by_id = {document["id"]: document for document in documents.values()}
        assert by_id == {conversation.id: write_document(conversation) for conversation in made}
    else:
        assert again == {"conversations": [], "known": 2}


async def test_an_import_is_in_the_database_once(owners: Hub) -> None:
    first = (await owners.take_in(exports.chatgpt())).json()
    assert ([head["title"] for head in first["conversations"]], first["known"]) == (["Sums"], 0)
    assert (await owners.take_in(exports.chatgpt())).json() == {"conversations": [], "known": 1}
    listed = (await owners.client.get("/conversations?search=gladly")).json()["conversations"]
    assert [head["id"] for head in listed] == [first["conversations"][0]["id"]]


async def test_a_later_export_brings_its_new_turns(owners: Hub) -> None:
    [early] = exports.chatgpt()
    late = exports.chatgpt()
    del early["mapping"]["u2"], early["mapping"]["a3"]
    [head] = (await owners.take_in([early])).json()["conversations"]
    address = f"/conversations/{head['id']}"
    await owners.client.get(address)  # it is in memory now
    await owners.client.patch(address, json={"title": "Mine"})
    assert len((await owners.take_in(late)).json()["conversations"]) == 1
    document = (await owners.client.get(address)).json()
    assert (document["title"], len(document["nodes"])) == ("Mine", 3)


async def test_what_went_another_way_stays_beside_the_import(owners: Hub) -> None:
    [head] = (await owners.take_in(exports.claude())).json()["conversations"]
    here = await owners.conversations.find("", head["id"])
    assert here is not None
    here.add(simple_turn("Only here", "Yes"))
    await owners.conversations.save(here)
    [value] = exports.claude()
    value["chat_messages"].append({"uuid": "m9", "sender": "human", "text": "Only there", "parent_message_uuid": "m4"})
    for known in (0, 1):
        assert (await owners.take_in([value])).json()["known"] == known
    listed = (await owners.client.get("/conversations")).json()["conversations"]
    assert len(listed) == 2
    assert (await owners.client.get(f"/conversations/{head['id']}")).json()["nodes"][-1]["turn"]["text"] == "Yes"


async def test_one_that_a_file_has_several_times_loses_nothing(owners: Hub) -> None:
    [early], [late], [other] = exports.claude(), exports.claude(), exports.claude()
    for value, text in ((late, "A heron"), (other, "A gull")):
        value["chat_messages"].append({"uuid": "m9", "sender": "human", "text": text, "parent_message_uuid": "m4"})
    reply = (await owners.take_in([early, late, early, other])).json()
    assert (len(reply["conversations"]), reply["known"]) == (2, 0)
    for text in ("heron", "gull"):
        assert len((await owners.client.get(f"/conversations?search={text}")).json()["conversations"]) == 1


async def test_a_large_import_holds_the_database_for_few_statements(owners: Hub) -> None:
    """10,000 conversations, one by one, kept all else from being written for half a minute."""
    statements: list[str] = []
    store: Any = owners.conversations.store
    values = [{**exports.claude()[0], "uuid": f"{number:032x}"} for number in range(200)]
    await owners.take_in(exports.claude())  # which makes the tables

    @event.listens_for(store._database._engine, "before_cursor_execute")
    def note(*told: Any) -> None:
        statements.append(told[2])

    assert len((await owners.take_in(values)).json()["conversations"]) == 200
    assert len(statements) < 50


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_deleted_one_is_imported_again(owners: Hub, is_open: bool) -> None:
    [head] = (await owners.take_in(exports.claude())).json()["conversations"]
    address = f"/conversations/{head['id']}"
    if is_open:
        await owners.client.get(address)
    await owners.client.patch(address, json={"deleted": True})
    assert len((await owners.take_in(exports.claude())).json()["conversations"]) == 1
    assert (await owners.client.get(address)).status_code == 200


async def test_who_is_not_the_owner_reads_and_writes_nothing(owners: Hub) -> None:
    address = await owners.keep(talk())
    owners.conversations._is_here = lambda _: False
    for method, path in (("POST", "/conversations/export"), ("POST", "/conversations/import")):
        reply = await owners.client.request(method, path, json=exports.chatgpt())
        assert (reply.status_code, reply.json()) == (
            403, {"problem": "This hub keeps the conversations of its owner alone."},
        )  # fmt: skip
    assert (await owners.client.get(f"{address}/export?as=json")).status_code == 404
    listed = (await owners.client.get("/conversations")).json()
    assert listed["keeping"] == "off"  # so the page offers none of it, and says why
    assert "LLM_HUB_ALLOWED_HOSTS" in listed["problem"]
    store: Any = owners.conversations.store
    assert len(await store.heads()) == 1


async def test_a_wrong_file_leaves_nothing(hub: Hub) -> None:
    reply = await hub.take_in([*exports.chatgpt(), {"mapping": 1}])
    assert reply.status_code == 400
    assert "mapping" in reply.json()["problem"]
    assert (await hub.client.get("/conversations")).json()["conversations"] == []


async def test_a_database_that_fails_in_the_middle_has_none_of_them(
    owners: Hub,
) -> None:
    await owners.take_in(exports.open_webui())
    store: Any = owners.conversations.store

    def refuse(connection: Any) -> None:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON conversations WHEN NEW.title = 'Notes' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    await store._database.run(refuse)
    reply = await owners.take_in([*exports.chatgpt(), *exports.claude()])
    assert reply.status_code == 503
    assert [head["title"] for head in await store.heads()] == ["Greetings"]


async def test_a_file_may_have_a_hundred_megabytes_and_no_more(visitors: Hub) -> None:
    for size, status in ((99, 400), (101, 413)):
        reply = await visitors.take_in(b" " * size * 2**20)
        assert reply.status_code == status
        assert reply.json()["problem"]
    assert (await visitors.client.put("/conversations/importimportimport", content=b" " * 2**26)).status_code == 413


async def test_a_fifth_file_at_once_is_refused(visitors: Hub) -> None:
    client = httpx.AsyncClient(transport=httpx.ASGITransport(visitors.app), base_url="http://hub", headers=MINE)
    begun, release = [asyncio.Event() for _ in range(endpoints.MAX_FILES_AT_ONCE)], asyncio.Event()

    async def body(begun: asyncio.Event) -> AsyncIterator[bytes]:
        begun.set()
        yield b"["
        await release.wait()
        yield b"]"

    sending = [asyncio.create_task(client.post("/conversations/import", content=body(each))) for each in begun]
    await asyncio.gather(*(each.wait() for each in begun))
    reply = await client.post("/conversations/import", json=exports.chatgpt())
    assert reply.status_code == 503
    assert "Try again" in reply.json()["problem"]
    release.set()
    assert {(await each).status_code for each in sending} == {400}
    assert (await client.post("/conversations/import", json=exports.chatgpt())).status_code == 200
