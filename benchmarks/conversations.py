"""How long people wait for their conversations: the list, a search, one of them, another turn in a long one.

    uv run python -m benchmarks.conversations [postgresql://…]

500 conversations of 40 turns, some with images, in a SQLite file of its own, or in the database that is named. Beside
each figure stands what reading every text of the database takes, without the hub, in the same run. Then the same on the
page, in Chromium (conversations_page.py).
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import select

from benchmarks.conversations_page import measure_page
from benchmarks.figures import publish
from llm_hub.chat import Image, Message, Role, Text
from llm_hub.conversations.coalescer import Snapshot
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.document import encode, write_document
from llm_hub.conversations.sql_store import SqlConversationStore
from llm_hub.conversations.turn import Question, Turn
from llm_hub.storage.database import Database

CONVERSATIONS, TURNS, LONG, WORDS = 500, 40, 200, 250
ROUNDS = 7
VOCABULARY = [
    f"{start}{end}" for start in ("mo", "ka", "Ti", "sträu", "pe", "日", "qu") for end in ("ra", "lin", "ße", "don")
]


def conversation(number: int, random: random.Random, turns: int = TURNS) -> Conversation:
    """A conversation of answers of some 250 words; every tenth one begins with an image of a megabyte."""
    made = Conversation(clock=lambda: 1_000_000.0 + number)
    for turn in range(turns):
        prompt = f"Question {turn} of {number}: {' '.join(random.choices(VOCABULARY, k=20))}"
        if turn == 0 and number % 10 == 0:
            message = Message(Role.USER, (Image(random.randbytes(2**20)), Text(prompt)))
        else:
            message = Message(Role.USER, prompt)
        answer = " ".join(random.choices(VOCABULARY, k=WORDS)) + (" needle" if (number, turn) == (7, 30) else "")
        made.add(Turn(message, Question("openai", "gpt"), answer=Snapshot(text=answer), outcome="stopped"))
    return made


async def seconds(work: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """The median and the longest of some rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await work()
        rounds.append(time.perf_counter() - begun)
    return {"median": statistics.median(rounds), "most": max(rounds)}


async def measure_store(url: str, made: list[Conversation]) -> dict[str, dict[str, float]]:
    """Writes the conversations into the database. The seconds that reading them takes."""
    database = Database(url)
    store = SqlConversationStore(database)
    for each in made:
        await store.save(each)
    turns = (await database.schema()).turns.c
    texts = select(turns.document)
    opened = made[7]

    async def open_one() -> object:
        loaded = await store.load(opened.id)
        assert loaded is not None
        return encode(write_document(loaded))

    async def grow() -> None:
        version = opened.version
        opened.update(TURNS, opened.node(TURNS).turn)
        await store.save(opened, version)

    measured: dict[str, Callable[[], Awaitable[object]]] = {
        "every text, read without the hub": lambda: database.run(lambda connection: connection.execute(texts).all()),
        "the list": store.heads,
        "a search for a rare word": lambda: store.heads("needle"),
        "a search for two frequent words": lambda: store.heads("STRÄUSSE mora"),
        "a search in vain": lambda: store.heads("nothing has this"),
        "opening a conversation": open_one,
        "a write of a growing answer": grow,
    }
    taken = {name: await seconds(work) for name, work in measured.items()}
    await database.aclose()
    return taken


def main(url: str) -> None:
    chance = random.Random(1)
    made = [conversation(number, chance) for number in range(CONVERSATIONS)]
    long = conversation(CONVERSATIONS + 1, chance, LONG)
    store = asyncio.run(measure_store(url, [*made, long]))
    publish({"store": store, **measure_page(url, made[7], long)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", nargs="?", help="its URL; a SQLite file of its own without any")
    parser.add_argument("--json", metavar="PATH", help="where to write the figures as well")
    with tempfile.TemporaryDirectory() as own:
        main(parser.parse_args().database or f"sqlite:///{Path(own) / 'hub.db'}")
