"""The page without a browser: its handlers are called as plain functions, by the events that they are connected to.

    async with page_calls(environment) as page:
        tab = page.open()
        await tab.ask("Hello")
        assert tab.answers("chat-log") == ["Hello to you"]

What a handler reads comes from what is on the tab, what it gives changes the tab, and then what follows it is called:
as Gradio does, but with neither HTTP nor a queue nor JavaScript between. The hub behind it is real.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import gradio as gr
from gradio.blocks import Block
from gradio.helpers import special_args
from starlette.requests import Request

from llm_hub.arena.votes import Votes
from llm_hub.conversations.open_conversations import BROWSER_HEADER
from llm_hub.gateway.gateway import Gateway
from llm_hub.hub import Hub
from llm_hub.redaction import redact
from llm_hub.runs.open_runs import OpenRuns
from llm_hub.runs.run_store import RunStore
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.ui.attachments import DROP
from llm_hub.ui.chat.prompt_box import EMPTY, GIVE_BACK, TAKE
from llm_hub.ui.page import build
from llm_hub.ui.render.source import MARK

if TYPE_CHECKING:
    from gradio.block_function import BlockFunction

WAIT = 20.0
"""Seconds until a test gives up waiting. The machine may be busy."""

_UNCHANGED = object()


def _take_prompt(prompt: Any) -> tuple[Any, Any]:
    return prompt, EMPTY


def _give_prompt_back(returned: Any, prompt: Any) -> tuple[Any, Any]:
    typed: dict[str, Any] = prompt or dict(EMPTY)
    if not returned or not (returned["text"] or returned["files"]):
        return None, prompt
    text = "\n\n".join(part["text"] for part in (returned, typed) if part["text"].strip())
    return None, {"text": text, "files": [*returned["files"], *typed["files"]]}


def _drop_files(verdict: Any, prompt: Any) -> tuple[Any, Any]:
    files = [file for file in prompt["files"] if file not in verdict["refused"]]
    return {"refused": []}, {"text": prompt["text"], "files": files}


SCRIPTS: dict[Any, Callable[..., tuple[Any, Any]]] = {
    TAKE: _take_prompt,
    GIVE_BACK: _give_prompt_back,
    DROP: _drop_files,
}
"""What a browser does where a prompt leaves its box, or comes back into it. Other JavaScript is left out."""


class PageCalls:
    """The page of one hub, for any number of visitors."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self._blocks = blocks

    def open(self, **query: str) -> TabCalls:
        """A new visitor's tab, as it stands when the page has come."""
        return TabCalls(self._blocks, query)

    def open_again(self, tab: TabCalls) -> TabCalls:
        """The same browser's next tab, or the same one after a reload."""
        return TabCalls(self._blocks, {}, browser=tab.browser)


@asynccontextmanager
async def page_calls(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[PageCalls]:
    """The page of a hub with these settings. `folder` is where it may write."""
    file = folder / "settings.env"
    file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    hub, database = Hub(Settings.load(file)), Database(f"sqlite:///{folder / 'votes.db'}")
    gateway = Gateway(hub)
    runs = OpenRuns(gateway, RunStore(database), clean=redact)
    try:
        yield PageCalls(build(gateway, Votes(database), runs=runs).blocks)
    finally:
        await runs.aclose()
        await database.aclose()
        await hub.aclose()


class Late(asyncio.Event):
    """An update that reaches the tab once this is set. `reached` is set once it is on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()


class TabCalls:
    """One visitor's tab. Components are named by their element id; those of a pane as in `compare-pane-1 head`."""

    def __init__(self, blocks: gr.Blocks, query: Mapping[str, str], *, browser: str = "") -> None:
        self._blocks = blocks
        self.browser = browser or uuid.uuid4().hex
        scope = {
            "type": "http",
            "path": "/",
            "query_string": urlencode(query).encode(),
            "headers": [(b"host", b"127.0.0.1"), (BROWSER_HEADER.encode(), self.browser.encode())],
            "client": ("127.0.0.1", 1),  # the owner's own browser
        }
        self._request = gr.Request(Request(scope), session_hash=uuid.uuid4().hex)
        self._ids = {_name(block): number for number, block in blocks.blocks.items()}
        self._values = {
            number: deepcopy(getattr(block, "value", None)) if isinstance(block, gr.State) else _value(block)
            for number, block in blocks.blocks.items()
        }
        self._properties: dict[int, dict[str, Any]] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._repeated: set[int] = set()
        self._held: dict[str, Late] = {}
        self._updates: dict[str, Any] = {}
        self._changed = asyncio.Event()

    # What a visitor does.

    def set(self, **values: Any) -> None:
        """Types into fields, or ticks them, where no event follows. Named by element id, with underscores."""
        for name, value in values.items():
            self._values[self._ids[name.replace("_", "-")]] = value

    async def use(
        self, name: str, event: str, value: Any = _UNCHANGED, *, event_data: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """An event of a component, and all that follows it.

        `value` is what the component has by then, `event_data` what the event itself carries, such as an index.
        Returns what changed on the tab meanwhile, by component; one without a name by its type, such as `json`.
        """
        number = self._ids[name]
        if value is not _UNCHANGED:
            self._values[number] = value
        self._updates = {}
        data = gr.EventData(self._blocks.blocks[number], dict(event_data or {}))
        for function in list(self._blocks.fns.values()):
            if (number, event) in function.targets:
                await self._call(function, data)
        return self._updates

    async def click(self, name: str) -> dict[str, Any]:
        return await self.use(name, "click")

    def choose(self, model: str, provider: str = "openai") -> None:
        """Sets what the next prompt on the Chat tab goes to."""
        self.set(chat_provider=provider, chat_model=model)

    async def begin(self, tab: str = "chat") -> dict[str, Any]:
        """A new chat, or with "compare" a new comparison."""
        return await self.use(f"{tab}-opened", "open", event_data={"id": ""})

    async def ask(self, prompt: str, *, files: tuple[str, ...] = ()) -> None:
        """Sends a prompt on the Chat tab, and waits for the end of its answer."""
        await self.use("chat-prompt", "submit", {"text": prompt, "files": list(files)})

    def set_panes(self, *models: str, provider: str = "openai") -> None:
        """Sets what the panes of the Compare tab ask."""
        for number, model in enumerate(models, 1):
            self._values[self._ids[f"compare-pane-{number}-provider"]] = provider
            self._values[self._ids[f"compare-pane-{number}-model"]] = model

    async def compare(self, prompt: str, *, files: tuple[str, ...] = ()) -> None:
        """Asks a prompt of all panes, and waits for all answers."""
        await self.use("compare-prompt", "submit", {"text": prompt, "files": list(files)})

    async def attach(self, *files: str, tab: str = "chat") -> None:
        """Chooses files for the prompt that stands in a tab's box."""
        box = f"{tab}-prompt"
        self._values[self._ids[box]] = {**(self.value(box) or EMPTY), "files": list(files)}
        await self.use(f"{tab}-attachments", "attach")

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits until the tab shows something."""
        async with asyncio.timeout(WAIT):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def hold(self, handler: str) -> Late:
        """Makes the next update by a handler of this name late: it reaches the tab when the returned event is set.

        One that changes nothing is not meant.
        """
        self._held[handler] = Late()
        return self._held[handler]

    async def load(self) -> None:
        """What happens when the page has come, such as the reading of its address."""
        for function in list(self._blocks.fns.values()):
            if (self._blocks._id, "load") in function.targets:
                await self._call(function)

    # What a visitor sees.

    def handlers_of(self, name: str) -> frozenset[str]:
        """The names of the handlers that may change a component."""
        number = self._ids[name]
        return frozenset(
            str(function.name)
            for function in self._blocks.fns.values()
            if number in (block._id for block in function.outputs)
        )

    @property
    def names(self) -> list[str]:
        """The names of all components."""
        return list(self._ids)

    @property
    def selected_tab(self) -> str:
        return str(self._property("tabs", "selected"))

    def value(self, name: str) -> Any:
        return self._values[self._ids[name]]

    def visible(self, name: str) -> bool:
        return bool(self._property(name, "visible"))

    def choices(self, name: str) -> list[tuple[str, Any]]:
        """What a list offers: the label and the value of each entry."""
        return [tuple(choice) for choice in self._property(name, "choices")]

    def text(self, name: str) -> str:
        """What a component says, without its HTML. For a Chatbot: all of its messages."""
        value = self.value(name)
        if isinstance(value, list):
            return "\n".join(_text(message) for message in value)
        return plain_text(str(value or ""))

    def prompts(self, name: str) -> list[str]:
        """The prompts in a Chatbot."""
        return [_text(message) for message in self.value(name) if message["role"] == "user"]

    def answers(self, name: str) -> list[str]:
        """The answers in a Chatbot: neither the lines under them, nor errors, nor reasoning."""
        return [_text(message) for message in self._written(name) if not re.match(r'<div class="\w', _html(message))]

    def figures(self, name: str) -> list[str]:
        """The lines under the answers in a Chatbot: who answered, how fast, at what price."""
        return [_text(message) for message in self._written(name) if '<div class="figures' in _html(message)]

    def problems(self, name: str) -> list[str]:
        """The errors that stand in a Chatbot in an answer's place."""
        return [_text(message) for message in self._written(name) if '<div class="problem' in _html(message)]

    def reasoning(self, name: str) -> list[str]:
        """The reasoning in a Chatbot."""
        return [_text(message) for message in self.value(name) if message.get("metadata")]

    def options(self, name: str) -> list[str]:
        """The labels of the buttons under the messages in a Chatbot."""
        return [option["label"] for message in self.value(name) for option in message.get("options") or ()]

    def html(self, name: str) -> str:
        """What a component says, with its HTML."""
        value = self.value(name)
        return "\n".join(_html(message) for message in value) if isinstance(value, list) else str(value or "")

    # How an event is carried out.

    def _written(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.value(name) if message["role"] == "assistant" and "metadata" not in message]

    def _property(self, name: str, which: str) -> Any:
        number = self._ids[name]
        return self._properties.get(number, {}).get(which, getattr(self._blocks.blocks[number], which))

    async def _call(self, function: BlockFunction, data: gr.EventData | None = None) -> None:
        """Calls a handler, or cancels others, and then calls what follows. Of JavaScript, only `SCRIPTS`."""
        before = self._running.get(function._id)
        if function.trigger_mode != "multiple" and before is not None and not before.done():
            if function.trigger_mode == "always_last":
                self._repeated.add(function._id)
            return  # as the browser does with what still runs
        for number in function.cancels:
            if task := self._running.get(number):
                task.cancel()
                await asyncio.wait([task])
        changed: list[int] = []
        if function.fn is None and function.js in SCRIPTS:
            results = SCRIPTS[function.js](*(self._values[block._id] for block in function.inputs))
            changed += self._show(function, list(results))
        if function.fn is not None:
            values: dict[Block, Any] = {block: self._values[block._id] for block in function.inputs}
            run = self._run(function, values, data, changed)
            task = self._running[function._id] = asyncio.create_task(run)
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        # Gradio's `.then` also follows what was cancelled.
        following = [
            other
            for other in self._blocks.fns.values()
            if other.trigger_after == function._id or any((number, "change") in other.targets for number in changed)
        ]
        if function._id in self._repeated:
            self._repeated.remove(function._id)
            following.append(function)
        await asyncio.gather(*(self._call(other) for other in following))

    async def _run(
        self, function: BlockFunction, values: dict[Block, Any], data: gr.EventData | None, changed: list[int]
    ) -> None:
        """Calls a handler with these values and shows what it gives. Adds the components whose values changed to
        `changed`."""
        handler = function.fn
        assert handler is not None
        inputs: list[Any] = [values] if function.inputs_as_dict else list(values.values())
        arguments, *_ = special_args(handler, inputs, self._request, data)
        result = handler(*arguments)
        if inspect.isasyncgen(result):
            update: Any = dict.fromkeys(function.outputs)
            async for update in result:
                changed += self._show(function, update)
            # As Gradio does: see test_the_end_of_a_handler_sends_its_last_update_again.
            changed += self._show(function, update)
        else:
            update = await result if inspect.isawaitable(result) else result
            if function.name in self._held and gr.skip() not in update.values():
                late = self._held.pop(function.name)
                late.reached.set()
                await late.wait()
            changed += self._show(function, update)

    def _show(self, function: BlockFunction, result: Any) -> list[int]:
        """Shows an update, and returns the components whose values it changed."""
        changed: list[int] = []
        outputs = function.outputs
        if not isinstance(result, dict) or not any(isinstance(key, Block) for key in result):
            result = dict(zip(outputs, result if len(outputs) > 1 else [result], strict=False))
        for block, update in result.items():
            assert block in outputs, f"{function.name} changes {_name(block)}, which it is not connected to."
            changes = _changes(update)
            if "value" in changes:
                if self._values[block._id] != changes["value"]:
                    changed.append(block._id)
                self._values[block._id] = self._updates[_name(block)] = changes["value"]
            self._properties.setdefault(block._id, {}).update(changes)
        self._changed.set()
        return changed


def _changes(update: Any) -> dict[str, Any]:
    """An update by property: what a handler gives is a value, a component, or what `gr.update` makes."""
    if isinstance(update, Block):
        return dict(update._constructor_args[0])
    if isinstance(update, dict) and update.get("__type__") == "update":
        return update
    return {"value": update}


def plain_text(html: str) -> str:
    """HTML as it reads."""
    return unescape(re.sub(r"<[^>]*>", "", html)).strip()


def table(html: str) -> list[dict[str, str]]:
    """The rows of the first table in some HTML, by its heads."""
    rows = re.findall(r"<tr.*?</tr>", html, re.DOTALL)
    heads, *cells = [[plain_text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]
    return [dict(zip(heads, row, strict=True)) for row in cells]


def _name(block: Block) -> str:
    """A component's element id; in a pane without one, the pane's and its own class; else its type."""
    if elem_id := getattr(block, "elem_id", None):
        return str(elem_id)
    classes = getattr(block, "elem_classes", None) or []
    parent = block.parent
    while parent is not None and not str(getattr(parent, "elem_id", None) or "").startswith("compare-pane-"):
        parent = parent.parent
    if parent is not None and classes:
        return f"{parent.elem_id} {classes[0].removeprefix('pane-')}"
    return block.get_block_name()


def _value(block: Block) -> Any:
    value = getattr(block, "value", None)
    if isinstance(block, gr.Chatbot):
        return []
    return value() if callable(value) else value


def _html(message: dict[str, Any]) -> str:
    """What a message shows, without the source that may stand ahead of it."""
    return "".join(re.sub(rf"^\[{MARK}\]: <[^>]*>\n\n", "", part.get("text", "")) for part in message["content"])


def _text(message: dict[str, Any]) -> str:
    return plain_text(_html(message))
