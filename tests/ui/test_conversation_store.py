"""The two stores of conversations that a browser has: one contract, and what is special about IndexedDB."""

from __future__ import annotations

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.conversations.document import read_document
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.storage.database import Database
from llm_hub.ui.page_assets import ASSETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.ui.site import Site

STORES = ("browserStore", "httpStore")
SCRIPT = (ASSETS / "conversation_store.js").read_text(encoding="utf-8")


class Store:
    """A store, called from Python."""

    def __init__(self, page: Page, maker: str, database: str = "") -> None:
        self.page = page
        self._maker = maker
        self._database = database

    def call(self, method: str, *values: Any) -> Any:
        """What the method gives; "Error: …" where it rejects."""
        return self.page.evaluate(
            """async ([maker, method, values]) => {
              const stores = window.stores ??= {};
              const store = stores[maker] ??= window.llmHub[maker]();
              return await store[method](...values).catch(String);
            }""",
            [self._maker, method, list(values)],
        )

    def put(self, *texts: str, **head: Any) -> dict[str, Any]:
        """A conversation of these prompts and answers, in turn."""
        document = conversation(*texts, **head)
        if self._maker == "browserStore":
            self.call("put", document)
        else:
            with ThreadPoolExecutor(1) as thread:  # this one has Playwright's loop
                thread.submit(lambda: asyncio.run(write(self._database, document))).result()
        return document

    def ids(self, search: str) -> list[str]:
        return [head["id"] for head in self.call("list", search)["heads"]]


async def write(url: str, document: dict[str, Any]) -> None:
    """Writes a document into a hub's database, as a hub does."""
    database = Database(url)
    await SqlConversationStore(database).save(read_document(document), 0)
    await database.aclose()


def conversation(*texts: str, **head: Any) -> dict[str, Any]:
    turns = zip(texts[::2], texts[1::2], strict=True)
    nodes = [
        {"number": number, "parent": number - 1, "pane": 0, "version": number,
            "turn": {"prompt": {"text": prompt}, "question": {}, "outcome": "answered", "text": answer}}
        for number, (prompt, answer) in enumerate(turns, 1)
    ]  # fmt: skip
    return {
        "format": "llm-hub/1", "id": uuid.uuid4().hex, "kind": "chat", "title": "", "pinned": False, "running": False,
        "shown_title": texts[0], "created_at": 1.0, "changed_at": 1.0, "version": len(nodes),
        "leaves": {"0": len(nodes)}, "setup": {}, "nodes": nodes,
    } | head  # fmt: skip


@pytest.fixture(scope="module")
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{site.url}/health")
    page.add_script_tag(content=SCRIPT)
    yield page
    page.close()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, page: Page, site: Site) -> Store:
    return Store(page, request.param, site.environment["LLM_HUB_DATABASE_URL"])


@pytest.fixture
def word() -> str:
    """A word that no other test's conversation has."""
    return f"w{uuid.uuid4().hex}"


def test_a_document_comes_back_as_it_was_put(store: Store) -> None:
    document = store.put("Hello", "Hi!", "And?", "Well.", pinned=True, setup={"blind": True})
    kept = store.call("get", document["id"])
    assert kept["leaves"] == {"0": 2}
    assert {name: kept[name] for name in ("id", "kind", "pinned", "setup", "version")} == {
        name: document[name] for name in ("id", "kind", "pinned", "setup", "version")
    }
    assert [node["turn"]["text"] for node in kept["nodes"]] == ["Hi!", "Well."]
    assert [(node["number"], node["parent"], node["pane"]) for node in kept["nodes"]] == [(1, 0, 0), (2, 1, 0)]


def test_the_list_has_pinned_ones_first_and_then_the_newest(store: Store, word: str) -> None:
    old = store.put(word, "first", changed_at=1.0)["id"]
    new = store.put(word, "second", changed_at=2.0)["id"]
    pinned = store.put(word, "third", changed_at=0.5)["id"]
    assert store.ids(word) == [new, old, pinned]
    assert store.call("change", pinned, {"pinned": True})["pinned"] is True
    assert store.ids(word) == [pinned, new, old]
    assert [head["shown_title"] for head in store.call("list", word)["heads"]] == [word] * 3


def test_a_search_finds_every_word_anywhere_in_any_case(store: Store, word: str) -> None:
    document = store.put("Tell me of Ünïcode", "It has many characters.", f"And {word}?", "Nothing of that kind.")
    assert store.ids(f"{word.upper()} CHARACTERS ünïcode") == [document["id"]]
    assert store.ids(f"{word} elephants") == []
    assert store.ids(f"{word} char.cters") == []  # no expression
    assert word in store.call("list", word)["heads"][0]["excerpt"]
    store.call("change", document["id"], {"title": f"Named {word}x"})
    assert store.ids(f"{word}x") == [document["id"]]


def test_a_title_is_one_short_line_and_none_gives_the_first_line_back(store: Store) -> None:
    document = store.put("The first line", "An answer")
    head = store.call("change", document["id"], {"title": "  A\n  title " + "x" * 200})
    assert head["title"] == head["shown_title"]
    assert head["title"].startswith("A title x")
    assert len(head["title"]) == 80
    assert store.call("change", document["id"], {"title": ""})["shown_title"] == "The first line"


def test_a_deletion_can_be_undone(store: Store, word: str) -> None:
    document = store.put(word, "An answer")
    store.call("change", document["id"], {"deleted": True})
    assert store.ids(word) == []
    assert store.call("get", document["id"]) is None
    store.call("change", document["id"], {"deleted": False})
    assert store.ids(word) == [document["id"]]
    assert store.call("get", document["id"])["nodes"][0]["turn"]["text"] == "An answer"


def test_what_is_not_there_is_null(store: Store) -> None:
    assert store.call("get", "0" * 32) is None
    assert store.call("change", "0" * 32, {"pinned": True}) is None


# IndexedDB alone.


@pytest.fixture
def browser_store(page: Page) -> Store:
    return Store(page, "browserStore")


def test_an_older_state_never_overwrites_a_newer_one(browser_store: Store, word: str) -> None:
    document = browser_store.put("Hello", "As far as it had come")
    grown = conversation("Hello", f"The whole {word}", "More", "Answers", id=document["id"], version=9)
    grown["nodes"][0]["version"] = 8
    browser_store.page.evaluate(  # as two tabs do it
        """async (documents) => Promise.all(documents.map((one) => window.llmHub.browserStore().put(one)))""",
        [grown, document],
    )
    kept = browser_store.call("get", document["id"])
    assert (kept["version"], [node["turn"]["text"] for node in kept["nodes"]]) == (9, [f"The whole {word}", "Answers"])
    assert browser_store.ids(word) == [document["id"]]


def test_only_the_turns_that_changed_need_to_come(browser_store: Store) -> None:
    document = browser_store.put("Hello", "Hi!", "And?", "")
    grown = conversation("Hello", "?", "And?", "Well.", id=document["id"], version=5)
    grown["nodes"] = [grown["nodes"][1] | {"version": 5}]
    del grown["nodes"][0]["turn"]["prompt"]  # it is sent once
    browser_store.call("put", grown)
    kept = browser_store.call("get", document["id"])
    assert [node["turn"]["text"] for node in kept["nodes"]] == ["Hi!", "Well."]
    assert [node["turn"]["prompt"]["text"] for node in kept["nodes"]] == ["Hello", "And?"]


def test_a_prompt_is_found_while_its_answer_is_written(browser_store: Store, word: str) -> None:
    document = browser_store.put(f"{word}a", "As far as", running=True)
    assert browser_store.ids(f"{word}a") == [document["id"]]
    more = conversation(f"{word}a", "As far as it goes", f"{word}b", "", id=document["id"], version=3, running=True)
    browser_store.call("put", more)
    assert browser_store.ids(f"{word}b") == [document["id"]]


def test_no_room_is_told_and_nothing_is_half_kept(browser: Browser, site: Site) -> None:
    context = browser.new_context()  # Chromium remembers for minutes how much room there was
    page = context.new_page()
    page.goto(f"{site.url}/health")
    page.add_script_tag(content=SCRIPT)
    context.new_cdp_session(page).send("Storage.overrideQuotaForOrigin", {"origin": site.url, "quotaSize": 1000})
    store, document = Store(page, "browserStore"), conversation("Hello", "x" * 10**6)
    problem = store.call("put", document)
    kept = store.call("get", document["id"])
    context.close()
    assert (
        problem == "Error: This browser has no room left for LLM Hub. Delete conversations, or make room on the disk."
    )
    assert kept is None


def test_what_was_deleted_a_day_ago_is_swept(browser_store: Store) -> None:
    document = browser_store.put("Hello", "Hi!")
    left = browser_store.page.evaluate(
        """async (id) => {
          const [now, later] = [Date.now, Date.now() + 25 * 3600 * 1000];
          await window.llmHub.browserStore().change(id, {deleted: true});
          Date.now = () => later;
          const store = window.llmHub.browserStore();
          await store.list().finally(() => { Date.now = now; });
          return await store.change(id, {deleted: false});
        }""",
        document["id"],
    )
    assert left is None


def test_an_import_is_kept_once_grows_and_takes_nothing_away(browser_store: Store, word: str) -> None:
    early = conversation(word, "An answer")
    late = {**conversation(word, "An answer in full", "More?", "More."), "id": early["id"]}
    other = {**conversation(word, "Another answer"), "id": early["id"]}
    for each in (early, late, other):
        each["copy_id"] = f"copy{early['id']}"[:32]
    assert browser_store.call("takeIn", [early]) == 1
    assert browser_store.call("takeIn", [early]) == 0
    browser_store.call("change", early["id"], {"title": "Mine"})
    assert browser_store.call("takeIn", [late, early]) == 1
    assert [browser_store.call("takeIn", [other]) for _ in range(2)] == [1, 0]
    kept, copy = (browser_store.call("get", late[name]) for name in ("id", "copy_id"))
    assert (kept["title"], [node["turn"]["text"] for node in kept["nodes"]]) == ("Mine", ["An answer in full", "More."])
    assert copy["nodes"][0]["turn"]["text"] == "Another answer"
    broken = {**conversation("Broken", "x"), "copy_id": "x" * 16, "nodes": [{"number": 1}]}
    whole = conversation("Whole", "x") | {"copy_id": "y" * 16}
    assert str(browser_store.call("takeIn", [whole, broken])).startswith("TypeError")
    assert browser_store.call("get", whole["id"]) is None
    browser_store.call("change", early["id"], {"deleted": True})
    assert browser_store.call("takeIn", [early]) == 1
