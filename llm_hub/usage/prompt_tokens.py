"""How many tokens a text will have, before anybody has counted them.

Each vendor cuts text in its own way, and few publish it. Of those below it was measured, on prose and code: the rule is
within 20 % for English, German, French, Spanish, Italian, Portuguese and program code. Of any other text or model the
tokens are a guess until the model has answered once: its own count then tells how it counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_GUESS_SHARE = 0.15
"""Of all tokens, those that may be a guess in an estimate that is to be within 20 %."""


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """How a family of models cuts text. `single_digits`: each digit is a token, else three of them are. `words` is what
    a word of another language than English takes, and each of its letters after the fourth. A message takes
    `message` tokens beside its text, and a request `request`."""

    model: re.Pattern[str]
    words: tuple[float, float]
    single_digits: bool = False
    factor: float = 1.0
    message: int = 4
    request: int = 3


_MANY_WORDS, _FEWER_WORDS = (0.85, 0.16), (0.7, 0.36)
_TOKENIZERS = (
    Tokenizer(re.compile(r"\bgpt-(?:4o|4\.1|4\.5|[5-9]|oss)|\bo[134]\b|chatgpt"), _MANY_WORDS),
    Tokenizer(re.compile(r"gemini|gemma-?[34]"), _MANY_WORDS, single_digits=True, factor=1.05, message=0, request=1),
    Tokenizer(re.compile(r"qwen-?[23]"), _FEWER_WORDS, single_digits=True, message=5),
    Tokenizer(re.compile(r"deepseek-(?!r1-distill)"), _FEWER_WORDS, factor=1.04, message=1, request=2),
    Tokenizer(re.compile(r"llama-?[34]"), _FEWER_WORDS, message=5, request=5),
)
"""Those that were measured: tests/usage/planted_prompts.py."""
_UNKNOWN = Tokenizer(re.compile(""), _FEWER_WORDS)

_PIECE = re.compile(r"(?P<word>[^\W\d_]+)|(?P<digits>\d+)|(?P<space>\n\s*|[ \t]{2,})|(?P<marks>(?:[^\w\s]|_)+)")
_ENGLISH = """the of and to in is that a for it on with as are was be this by an or you i not what which how do have
from at if can"""
_MEASURED = """der die das und ist nicht ein eine zu mit auf für den dem im von sich es wie wird ich bei nach
le la les et est des un une du en que qui pour dans à il je ne pas sur au avec
el los y de se por con las su no una al como para è di il che per non gli nel del si
o os as do da é um uma não na ao e"""
_ENGLISH_WORDS, _MEASURED_WORDS = frozenset(_ENGLISH.split()), frozenset(_MEASURED.split())
"""The commonest words of English, and of the other languages that were measured."""
MAX_CHARS = 40_000
"""Of a text that are looked at: of a longer one the beginning and the end, which takes about 20 ms."""
_MIN_WORDS = 5
_ENGLISH_SHARE, _MEASURED_SHARE = 0.12, 0.2
_CODE_MARKS = 0.06
"""Of the characters of a line, the marks from which on it is code rather than prose."""
_MAX_ACCENTS = 0.06
"""Of the letters of a measured language, those outside ASCII."""
_WIDE = 0.8
"""Tokens of a letter of other scripts than Latin, very roughly."""


@dataclass(frozen=True, slots=True)
class TokenEstimate:
    """`tokens` of which `guessed` are no more than a guess."""

    tokens: float = 0.0
    guessed: float = 0.0

    def __add__(self, other: TokenEstimate) -> TokenEstimate:
        return TokenEstimate(self.tokens + other.tokens, self.guessed + other.guessed)

    @property
    def is_known(self) -> bool:
        """Whether it is within 20 %."""
        return self.guessed <= MAX_GUESS_SHARE * self.tokens

    def measured_by(self, counted: int, of: TokenEstimate) -> TokenEstimate:
        """The estimate by the measure of another text that the model has `counted`: that is how the model counts.

        What was a guess in one text alone stays one.
        """
        factor = counted / max(1.0, of.tokens)
        return TokenEstimate(self.tokens * factor, 0.0 if self.is_known == of.is_known else self.tokens * factor)


def estimate_messages(model: str, *texts: str) -> TokenEstimate:
    """Of messages with these texts, without what comes once in a request."""
    tokenizer = _find_tokenizer(model)
    total = TokenEstimate(tokenizer.message * len(texts))
    for text in texts:
        total += _estimate(text, tokenizer)
    return total if tokenizer is not _UNKNOWN else TokenEstimate(total.tokens, total.tokens)


def request_form(model: str) -> TokenEstimate:
    """Of what comes once in a request beside its messages."""
    return TokenEstimate(_find_tokenizer(model).request)


def _find_tokenizer(model: str) -> Tokenizer:
    return next((each for each in _TOKENIZERS if each.model.search(model.lower())), _UNKNOWN)


def _estimate(text: str, tokenizer: Tokenizer) -> TokenEstimate:
    part = text if len(text) <= MAX_CHARS else text[: MAX_CHARS // 2] + text[-MAX_CHARS // 2 :]
    lines = sum((_estimate_line(line, tokenizer) for line in part.splitlines(keepends=True)), TokenEstimate())
    more = len(text) / max(1, len(part))
    return TokenEstimate(lines.tokens * more, lines.guessed * more)


def _estimate_line(line: str, tokenizer: Tokenizer) -> TokenEstimate:
    pieces = [(match.lastgroup, match.group()) for match in _PIECE.finditer(line)]
    words = [piece for kind, piece in pieces if kind == "word"]
    marks = sum(len(piece) for kind, piece in pieces if kind == "marks")
    is_prose = len(words) >= _MIN_WORDS and marks < _CODE_MARKS * len(line)
    is_foreign = is_prose and _share(words, _ENGLISH_WORDS) < _ENGLISH_SHARE
    accents = sum(not letter.isascii() for word in words for letter in word)
    tokens = sum(_tokens(kind, piece, tokenizer, is_foreign=is_foreign) for kind, piece in pieces) * tokenizer.factor
    is_measured = accents <= _MAX_ACCENTS * sum(map(len, words)) and (
        not is_foreign or _share(words, _MEASURED_WORDS) >= _MEASURED_SHARE
    )
    return TokenEstimate(tokens, 0.0 if is_measured else tokens)


def _tokens(kind: str | None, piece: str, tokenizer: Tokenizer, *, is_foreign: bool) -> float:
    length = len(piece)
    match kind:
        case "digits":
            return 1.1 * length if tokenizer.single_digits else 1.15 * -(-length // 3)
        case "space":
            return 0.1
        case "marks":
            return 0.9 * -(-length // 2) if piece.isascii() else 1.2 * length
    if not piece.isascii() and min(piece.lower()) > "\u024f":  # no letter is Latin
        return _WIDE * length
    accents = sum(not letter.isascii() for letter in piece)
    first, more = tokenizer.words if is_foreign else (1.0, 0.35)
    return first + more * max(0, length - (4 if is_foreign else 8)) + 0.9 * accents


def _share(words: list[str], known: frozenset[str]) -> float:
    return sum(word.lower() in known for word in words) / max(1, len(words))
