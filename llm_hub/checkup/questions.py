"""What every target is asked: the same 60 requests.

Each begins with a random word, so that no cache knows it from before. Temperatures are the model's own: at 0, two
honest servers of one model may each say always the same and yet not the same, by the last bits of their arithmetic.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llm_hub.chat import ChatRequest, JSONFormat, Message, Role, Tool
from llm_hub.checkup.samples import ProbeQuestion

if TYPE_CHECKING:
    from collections.abc import Iterator

OPEN_QUESTIONS = (
    "Name five random animals.",
    "Name five random cities.",
    "Invent five first names for robots.",
    "Name five random musical instruments.",
)
OPEN_REPEATS = 6
"""How often each is asked, word by word the same: as a client does that tries again."""
CITIES = ("Oslo", "Lima", "Cairo", "Quito", "Hanoi", "Dakar", "Perth", "Turin", "Porto", "Sofia", "Minsk", "Osaka")
WEATHER = Tool(
    "get_weather",
    "The weather of a city on a day.",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "day": {"type": "integer"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city", "day", "unit"],
        "additionalProperties": False,
    },
)
ROOM_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "floor": {"type": "integer"},
        "open": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "floor", "open", "tags"],
    "additionalProperties": False,
}
STOP = "seven"
NUMBERS = "one two three four five six seven eight nine ten eleven twelve"
MAX_TOKENS = 48
"""Of the answers that are to be cut off by it."""
MAX_ANSWER_TOKENS = 2000
"""Of all others, with room to reason: no answer needs more, and some models do not end."""
TOOL_PROMPTS = 12
NEEDLE_PROMPTS = 7
NEEDLE_DEPTHS = (0.25, 0.5, 0.9)
"""Places in the window, as shares of it."""
CHARS_PER_TOKEN = 4.0
"""Of English, at least: a prompt of so many characters has no more tokens than the window."""
MARGIN = 0.95
"""The share of the window that a prompt fills, so that the answer has room."""


def make_questions(window: int, target: str, *, seed: int) -> list[ProbeQuestion]:
    """All questions to one target, whose window has so many tokens. They are the same for all targets, but for those
    about caches, which targets may share."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    return [
        *_open_questions(chance),
        *_tool_questions(chance),
        *_rule_questions(chance),
        *_needle_questions(window, chance),
        *_cache_questions(random.Random(f"{seed} {target}")),  # noqa: S311
    ]


def _open_questions(chance: random.Random) -> Iterator[ProbeQuestion]:
    asked = [
        _question("likeness", str(number), f"{text} Answer with the five alone, between commas.", chance)
        for number, text in enumerate(OPEN_QUESTIONS)
    ]
    for sending in range(OPEN_REPEATS):
        for question in asked:
            yield replace(question, is_again=sending > 0)


def _tool_questions(chance: random.Random) -> Iterator[ProbeQuestion]:
    for number in range(TOOL_PROMPTS):
        wanted = ", ".join(f"{city} on day {1 + (number + place) % 7}" for place, city in enumerate(CITIES))
        text = f"Call get_weather once for each of these, all at once, in celsius: {wanted}."
        yield _question("tools", str(number), text, chance, expected=CITIES, tools=(WEATHER,))
    for text in ("How many legs has a spider? Answer with the number.", "Translate 'good morning' into French."):
        yield _question("tools", f"without: {text}", text, chance, tools=(WEATHER,))


def _rule_questions(chance: random.Random) -> Iterator[ProbeQuestion]:
    for room in ("kitchen", "library", "workshop"):
        text = f"Describe a {room} as JSON with name, floor, open and tags."
        yield _question("schema", room, text, chance, format=JSONFormat(ROOM_SCHEMA, "room", strict=True))
    for number in range(3):
        text = f"Write exactly this, and nothing else: {NUMBERS}"
        yield _question("stop", str(number), text, chance, stop=(STOP,))
    for subject in ("a lighthouse", "a train", "an orchard"):
        text = f"Write a story of 500 words about {subject}."
        yield _question("length", subject, text, chance, max_tokens=MAX_TOKENS)
    for number in range(2):  # one prompt twice: no first word of its own
        yield _question("seed", str(number), "Invent a word.", None, seed=7, temperature=1.0)


def _cache_questions(chance: random.Random) -> Iterator[ProbeQuestion]:
    for subject in ("ledger", "diary", "log"):
        text = f"{_filler(6000, subject)} Is this a story? Answer yes or no."
        first = _question("cache", subject, text, chance)
        yield first
        if subject == "log":
            yield ProbeQuestion("cache", subject, first.request, is_again=True)


def _needle_questions(window: int, chance: random.Random) -> Iterator[ProbeQuestion]:
    length = int(window * MARGIN * CHARS_PER_TOKEN)
    for number in range(NEEDLE_PROMPTS):
        codes = tuple(str(chance.randrange(10_000, 100_000)) for _ in NEEDLE_DEPTHS)
        text = _filler(length, "archive")
        end = length
        for depth, code, door in reversed(list(zip(NEEDLE_DEPTHS, codes, ("red", "green", "blue"), strict=True))):
            at = text.rindex(". ", 0, min(int(window * depth * CHARS_PER_TOKEN), end)) + 2
            text = f"{text[:at]}The code of the {door} door is {code}. {text[at:]}"
        question = "What are the codes of the red, the green and the blue door? Answer with the three numbers alone."
        yield _question("needle", str(number), f"{text}\n\n{question}", chance, expected=codes)


def _filler(length: int, subject: str) -> str:
    """English sentences of about so many characters, without digits, of which some tokenizers make a token each."""
    lines, size, number = [f"This is the {subject} of the harbour."], 0, 0
    while size < length:
        keeper, boat, cargo = (words[number % len(words)] for words in (_KEEPERS, _BOATS, _CARGOES))
        lines.append(f"On that morning the {keeper} keeper let the {boat} pass, which carried {cargo} to the islands.")
        size, number = size + len(lines[-1]) + 1, number + 1
    return " ".join(lines)


_KEEPERS = ("first", "second", "young", "old", "careful", "sleepy", "cheerful", "silent")
_BOATS = ("ferry", "sailing boat", "steamer", "barge", "schooner", "tugboat", "little canoe", "fishing boat", "raft")
_CARGOES = ("timber", "oranges", "letters", "salt", "copper", "blankets", "barley")


def _question(
    probe: str, case: str, text: str, chance: random.Random | None, expected: tuple[str, ...] = (), **options: Any
) -> ProbeQuestion:
    prefix = f"[{''.join(chance.choices('abcdefghijkmnpqrstuvwxyz', k=10))}] " if chance else ""
    request = ChatRequest((Message(Role.USER, prefix + text),), **{"max_tokens": MAX_ANSWER_TOKENS, **options})
    return ProbeQuestion(probe, case, request, expected)
