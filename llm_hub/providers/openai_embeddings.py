"""Embeddings: a request in OpenAI's words goes to one model's server, and its reply comes back, checked for its shape.

They travel as a chat does, so that retries, pauses, quotas and counting are the same: the request is a `ChatRequest`
whose `original` has the protocol `EMBEDDINGS`, and the answer one event, the last, whose `original` is the reply.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

import orjson

from llm_hub.chat import Done, LLMResponse, OriginalAnswer, Usage
from llm_hub.wire.http_reply import unusable_reply
from llm_hub.wire.json_limits import holds_more
from llm_hub.wire.validation import parse_count

if TYPE_CHECKING:
    from collections.abc import Mapping

EMBEDDINGS = "embeddings"
MAX_NUMBERS = 2**22
"""Numbers in all vectors of a reply: a thousand vectors of the longest kind."""


def count_inputs(body: Mapping[str, Any]) -> int:
    """How many vectors a request asks for. A list of numbers is one text, in tokens."""
    texts = body["input"]
    return 1 if isinstance(texts, str) or isinstance(texts[0], int) else len(texts)


def embeddings_answer(provider: str, model: str, body: Mapping[str, Any], content: bytes) -> Done:
    """The answer in a successful reply to the request `body`. Raises `StreamBroken` for what is none."""
    if holds_more(content, MAX_NUMBERS):
        raise unusable_reply(f"The server sent more than {MAX_NUMBERS} numbers.")
    try:
        reply = orjson.loads(content)
    except orjson.JSONDecodeError:
        reply = None
    rows = reply.get("data") if isinstance(reply, dict) else None
    if not isinstance(rows, list) or len(rows) != count_inputs(body):
        raise unusable_reply("The server sent another number of vectors than was asked for.")
    for row in rows:
        row["embedding"] = _encoded(row["embedding"], as_base64=body.get("encoding_format") == "base64")
    tokens = parse_count((reply.get("usage") or {}).get("prompt_tokens"))
    usage: Usage = {}
    if tokens is not None:
        usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    original = OriginalAnswer(EMBEDDINGS, reply)
    return Done(LLMResponse("", model, usage, finish_reason="stop", provider=provider, original=original))


def _encoded(vector: object, *, as_base64: bool) -> object:
    """A vector in the form that was asked for: several servers do not know the field `encoding_format`."""
    if as_base64 and isinstance(vector, list):
        try:
            return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
        except (struct.error, OverflowError):
            vector = None
    if not isinstance(vector, str if as_base64 else list):
        raise unusable_reply("The server sent a vector that is none.")
    return vector
