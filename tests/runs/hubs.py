"""A hub in front of the fault server, and runs on it."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_hub.gateway.caller import Caller
from llm_hub.gateway.gateway import Gateway
from llm_hub.hub import Hub
from llm_hub.runs.answering_hub import AnsweringHub, OwnHub
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.run_plan import RunPlan
from llm_hub.runs.run_store import RunStore, StoredRun
from llm_hub.runs.run_work import runners
from llm_hub.runs.runner import Runner, ready_targets
from llm_hub.runs.running_hub import RunningHub
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from tests.api.conftest import KEYS, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llm_hub.usage.prices import Prices
    from tests.fault_server import FaultServer

RUN = "a-run"


class Hubs:
    """One hub with a database in `folder`. A hub that is opened there again finds what was written."""

    def __init__(self, gateway: Gateway, store: RunStore, hub: AnsweringHub | None = None) -> None:
        self.gateway = gateway
        self.store = store
        self.caller = Caller("run", gateway.owner_session)
        self.hub = hub or OwnHub(gateway, self.caller)

    async def plan(self, targets: str, prompts: int = 3, **options: Any) -> RunPlan:
        """A plan of so many prompts of two words each, for these targets."""
        text = "\n".join(f"prompt {number}" for number in range(prompts))
        names = targets.split()
        return RunPlan(
            read_prompt_set("set.txt", text.encode()), await ready_targets(self.hub.session, names), **options
        )

    async def start(self, plan: RunPlan, **options: Any) -> Runner:
        """A new run of this plan."""
        await self.store.create(RUN, plan)
        return self.runner(plan, cells={}, **options)

    async def resume(self, **options: Any) -> Runner:
        """The run as the database has it."""
        found = await self.stored()
        return self.runner(found.plan, cells=found.cells, **options)

    async def stored(self) -> StoredRun:
        """What the database has of the run."""
        found = await self.store.load(RUN)
        assert found is not None
        return found

    async def work(self, *, again: bool = False, **options: Any) -> StoredRun:
        """Goes on with the run, and asks its judge. What is written when nothing is left, or nothing may be asked."""
        for runner in runners(partial(self.runner, **options), await self.stored(), again=again):
            if await runner.run() != "complete":
                break
        return await self.stored()

    def runner(self, plan: RunPlan, **options: Any) -> Runner:
        return Runner(self.hub, self.store, RUN, plan, **options)


def settings_text(fault_server: FaultServer) -> str:
    """Two servers of OpenAI's protocol, Anthropic and Ollama, three of them at a price."""
    return (
        f"LLM_HUB_SERVERS=cheap={fault_server.openai_url},dear={fault_server.openai_url}\nCHEAP_API_KEY=key-cheap\n"
        f"DEAR_API_KEY=key-dear\nANTHROPIC_API_KEY=key-anthropic\nANTHROPIC_BASE_URL={fault_server.anthropic_url}\n"
        f"OLLAMA_HOST={fault_server.ollama_url}\nLLM_HUB_PRICES=cheap=1/2,dear=30/150,anthropic=3/15\n"
    )


@asynccontextmanager
async def open_hub(
    fault_server: FaultServer,
    folder: Path,
    more: str = "",
    *,
    clock: Callable[[], float] = time.monotonic,
    over_api: bool = False,
    prices: Prices | None = None,
) -> AsyncIterator[Hubs]:
    """`over_api`: it is asked at its API, by a process whose own prices are `prices`, or the same."""
    (folder / ".env").write_text(settings_text(fault_server) + more)
    hub = Hub(Settings.load(folder / ".env"), clock=clock)
    database = Database(f"sqlite:///{folder / 'runs.db'}")
    try:
        if over_api:
            tries = hub.session().max_tries
            async with (
                served(hub, KEYS) as api,
                RunningHub.open(api.url, KEYS["alice"], prices=prices or hub.prices, max_tries=tries) as running,
            ):
                yield Hubs(Gateway(hub), RunStore(database), running)
        else:
            yield Hubs(Gateway(hub), RunStore(database))
    finally:
        await hub.aclose()
        await database.aclose()
