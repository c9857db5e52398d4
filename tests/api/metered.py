"""The API with everything around it: ledger, limits, metrics."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from llm_hub.gateway.meter import Meter
from llm_hub.gateway.metrics import Metrics
from llm_hub.storage.database import Database
from llm_hub.usage.ledger import Entry, Ledger
from llm_hub.usage.quotas import Quota
from tests.api.conftest import KEYS, Api, body_at, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

    from llm_hub.hub import Hub

PROMPT = [{"role": "user", "content": "Hello"}]


class AwaitableLedger(Ledger):
    """A ledger whose rows can be waited for: a stream's is noted a moment after its client has read it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._noted = 0
        self._changed = asyncio.Event()

    def note(self, entry: Entry) -> None:
        super().note(entry)
        self._noted += 1
        self._changed.set()

    async def noted(self, count: int) -> None:
        """Returns when so many rows have been noted."""
        async with asyncio.timeout(30):
            while self._noted < count:
                self._changed.clear()
                await self._changed.wait()


@dataclass(frozen=True, slots=True)
class Metered:
    """A running API, its ledger, and what a client does with it."""

    api: Api
    ledger: AwaitableLedger
    database: Database

    async def ask(self, model: str, *, caller: str = "alice", path: str = "/v1/chat", **fields: Any) -> httpx.Response:
        """Asks a question and reads all of the reply. The fields are further ones of the body."""
        body = body_at(path, {"messages": PROMPT, "model": model, **fields})
        return await self.api.client.post(path, json=body, headers={"authorization": f"Bearer {KEYS[caller]}"})

    async def get(self, path: str, caller: str = "alice") -> httpx.Response:
        return await self.api.client.get(path, headers={"authorization": f"Bearer {KEYS[caller]}"})

    async def rows(self, count: int) -> list[Any]:
        """The ledger's rows, as soon as there are so many."""
        await self.ledger.noted(count)
        await self.ledger.flush()
        schema = await self.database.schema()
        if self.database.is_missing:
            return []
        return await self.database.run(lambda connection: list(connection.execute(schema.requests.select())))

    async def row(self) -> Any:
        """The ledger's one row, as soon as it is there."""
        (row,) = await self.rows(1)
        return row

    async def metric(self, name: str, **labels: str) -> float:
        """A metric's value now, 0 if there is none."""
        text = (await self.get("/metrics")).text
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return sum(
            sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()
        )


@asynccontextmanager
async def metered(hub: Hub, folder: Path, limits: Quota | None = None) -> AsyncIterator[Metered]:
    """An API of an owner who has given out keys."""
    database = Database(f"sqlite:///{folder}/hub.db")
    ledger = AwaitableLedger(database)
    async with served(hub, KEYS, Meter(ledger, Metrics(hub.session())), limits) as api:
        yield Metered(api, ledger, database)
    await ledger.aclose()
    await database.aclose()
