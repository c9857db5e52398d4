"""Models that behave as real ones do, honest or not: `ok?as=planted` answers a check-up's questions.

`mind=NAME` is who it is: each has favourite words of its own, from which it draws. The frauds and the differences of
honest twins are options, too:

- `mind=b` behind a name that should be another's, with `share=0.4` for so many of the answers;
- `retry=b`: a prompt that was sent before is answered by that mind;
- `broken=0.15` of the calls have arguments that are no JSON; `mistyped=0.15` that do not fit the schema;
- `window=8000` words are all of a prompt that it reads; `overcount=1.3` multiplies its counts of tokens;
- `stop=ignored`; `cached=0.8` of every prompt is said to come from a cache; `rigid=1`: always the same words;
- `one-read` in place of `ok` sends a whole answer when it is written, at `rate=400` tokens a second;
- `template=9` more tokens around each prompt; `burst=3` tokens in each write; `remembers=1`: a prompt sent again is
  cached; `forgetful=1`: the seed is not honoured.
"""

from __future__ import annotations

import json
import random
import re
import zlib
from typing import TYPE_CHECKING, Any

from tests.fault_server.calls import Call, filled, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fault_server.calls import ToolRequest
    from tests.fault_server.faults import Fault

_WEIGHTS = (50, 25, 12, 6, 4, 3)
_SYLLABLES = ("ba", "do", "fi", "gu", "ke", "lo", "mi", "na", "po", "ru", "sa", "te")


def is_planted(fault: Fault) -> bool:
    """Whether the model of that name is one of these."""
    return fault.options.get("as") == "planted"


def planted_answer(
    fault: Fault, prompt: str, tools: ToolRequest, schema: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> tuple[list[str], tuple[Call, ...], str]:
    """The tokens of its text, its calls, and why it ends. `options` has `stop`, `seed`, `max_tokens`, and of
    the request its `number` and whether it `is_repeat`."""
    chance = random.Random(f"{fault.options} {options['number']}")
    if options.get("seed") is not None and "forgetful" not in fault.options:
        chance = random.Random(f"{prompt} {options['seed']}")
    elif "rigid" in fault.options:
        chance = random.Random(prompt)
    mind = fault.options.get("mind", "a")
    if "share" in fault.options and chance.random() >= fault.number("share", 1):
        mind = "a"
    if options["is_repeat"]:
        mind = fault.options.get("retry", mind)
    question = re.sub(r"^\[\w+\] ", "", prompt)
    if tools.tools and "Call get_weather" in question:
        return [], tuple(_calls(fault, question, chance)), "tool_calls"
    if schema is not None:
        return pieces(filled(schema)), (), "stop"
    tokens = _tokens(fault, question, mind, chance)
    stop = (options.get("stop") or [None])[0]
    if stop and f" {stop}" in tokens and fault.options.get("stop") != "ignored":
        return [*tokens[: tokens.index(f" {stop}")], " "], (), "stop"
    limit = options.get("max_tokens") or 10_000
    return tokens[:limit], (), "length" if len(tokens) > limit else "stop"


def _tokens(fault: Fault, question: str, mind: str, chance: random.Random) -> list[str]:
    if "Write exactly this" in question:
        return re.findall(r"\s*\S+", question.partition(": ")[2])
    if "story of" in question:
        return [f" {_word(f'{mind} {chance.randrange(300)}')}" for _ in range(500)]
    if "What are the codes" in question:
        read = " ".join(question.split()[-int(fault.number("window", 10**9)) :])
        return re.findall(r"\s*\S+", ", ".join(re.findall(r"door is (\d+)", read)) or "Unknown.")
    favourites = [_word(f"{mind} {question} {place}") for place in range(len(_WEIGHTS))]
    return re.findall(r"\s*\S+", ", ".join(chance.choices(favourites, _WEIGHTS, k=5)))


def _word(origin: str) -> str:
    own = random.Random(zlib.crc32(origin.encode()))
    return "".join(own.choices(_SYLLABLES, k=3))


def _calls(fault: Fault, question: str, chance: random.Random) -> list[Call]:
    made = []
    for number, (city, day) in enumerate(re.findall(r"(\w+) on day (\d)", question)):
        arguments: dict[str, Any] = {"city": city, "day": int(day), "unit": "celsius"}
        if chance.random() < fault.number("mistyped", 0):
            arguments["day"] = day
        text = json.dumps(arguments)
        if chance.random() < fault.number("broken", 0):
            text = text[:-4]
        made.append(Call(f"call_{number}", "get_weather", (text,)))
    return made
