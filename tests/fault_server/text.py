"""What the fault server's models say: words that are all different, so that a lost or repeated one is seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fault_server.calls import filled, pieces
from tests.fault_server.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_TOKENS = 20
REASONING = ("Let", " me", " think", " about", " that", ".")
STRANGE = "a\r\nset-cookie: b=c\x1b[2J\x00\u202egnp.exe" + "x" * 100_000
"""What no model is called."""
STRANGER = ("Bananas", " are", " yellow", ",", " and", " so", " are", " canaries", ".")
UNICODE = (
    "日本語",
    "の",
    "文章",
    " — ",
    "здравствуй",
    " 👩‍👩‍👧‍👦",
    " naïve",
    " ﷽",
    " e\u0301",
    " \U0001d4b3",
    "\u00a0",
    "«",
    "مرحبا",
    "»",
    " 🇪🇺",
    " 終",
)
EMOJI = ("Smile", " 😀", " and", " 👍🏽", " again", " 😀😀", "!")
MARKDOWN = (
    "# Title\n\n", "Some ", "**bold** ", "text", ":\n\n", "```python\n", "print(", '"hi"', ")\n", "```\n\n",
    "- one\n", "- two\n\n", "$x^2$", " & <b>html</b>", "\r\n\ttab", "\\n",
)  # fmt: skip
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "warm": {"type": "boolean"}, "days": {"type": "array"}},
    "required": ["city", "warm", "days"],
    "additionalProperties": False,
}
"""What `text=json` writes, whether it was asked for that or not."""
_SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvwzxcq" for vowel in "aeiou"]
_CONTINUE = re.compile(r"continu|go on|carry on|left off|broke off|cut off|interrupted|resume", re.IGNORECASE)


def word(number: int) -> str:
    """The n-th word. No two are the same below a million."""
    high, low = divmod((number * 7919 + 1234) % 10_000, 100)
    more = _SYLLABLES[number // 10_000] if number >= 10_000 else ""
    return _SYLLABLES[high] + _SYLLABLES[low] + more


def answer_tokens(tokens: int = DEFAULT_TOKENS, first: int = 0) -> list[str]:
    """The answer as a model makes it: a token carries the space before its word. `first` is the number of its first."""
    return [word(number) if number == first else " " + word(number) for number in range(first, first + tokens)]


def answer_text(tokens: int = DEFAULT_TOKENS) -> str:
    """The answer that every model means to give, of that many tokens."""
    return "".join(answer_tokens(tokens))


def intended_tokens(fault: Fault) -> list[str]:
    """What the model of that name means to say, whatever then goes wrong."""
    kind = fault.options.get("text") or {
        "split-utf8": "unicode",
        "surrogates": "emoji",
        "long-line": "long",
        "empty": "none",
        "reasoning-length": "none",
        "load": "none",
        "blank": "blank",
    }.get(fault.name, "words")
    match kind:
        case "unicode":
            return list(UNICODE)
        case "emoji":
            return list(EMOJI)
        case "markdown":
            return list(MARKDOWN)
        case "long":
            return [word(0), " " + "verylong " * (int(fault.number("size", 1024 * 1024)) // 9), word(1)]
        case "blank":
            return ["", " ", "\n", "  "]
        case "json":
            return pieces(filled(SCHEMA))
        case "none":
            return []
    return answer_tokens(int(fault.number("tokens", DEFAULT_TOKENS)), int(fault.number("words", 0)))


def expected_text(model: str) -> str:
    """The full answer of the model of that name, as a reader should see it."""
    return "".join(intended_tokens(Fault.of(model)))


def asked_to_continue(messages: Sequence[tuple[str, str]], intended: str) -> str | None:
    """The partial answer that the last user turn asks to continue; None if it does not."""
    if len(messages) < 2 or messages[-1][0] != "user" or not _CONTINUE.search(messages[-1][1]):
        return None
    role, text = messages[-2]
    return text if role == "assistant" and text.strip() and intended.startswith(text.rstrip()) else None


def resumed_tokens(fault: Fault, partial: str, tokens: list[str]) -> list[str]:
    """How the model that means to say `tokens` goes on after `partial`, as the option `resume` has it."""
    intended = "".join(tokens)
    resumption = fault.options.get("resume", "continue")
    if resumption == "restart":
        return tokens
    if resumption == "stranger":
        return list(STRANGER)
    rest = intended[len(partial) :]
    if not intended.startswith(partial):  # the partial came back without its trailing space
        rest = intended[len(partial.rstrip()) :].lstrip()
    if resumption == "overlap":
        rest = " ".join(partial.split()[-3:]) + rest
    elif resumption == "nospace":
        rest = rest.lstrip()
    return re.findall(r"\s*\S+|\s+", rest)


def plain(content: Any) -> str:
    """The text of a message's content in any vendor's shape."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return ""
