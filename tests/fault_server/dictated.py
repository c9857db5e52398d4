"""Streams that a test dictates: the model `ok?as=dictated` answers with the very bytes that its prompt asks for.

A prompt that begins with `FOR_ANY_MODEL` has every model do so: for tests in which a model's name matters.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fault_server.faults import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.fault_server.dialect import Answer

MODEL = "ok?as=dictated"
FOR_ANY_MODEL = "Dictation: "


def dictation(pieces: Iterable[bytes]) -> str:
    """The prompt that asks for these bytes, each piece in a write of its own."""
    return json.dumps([piece.decode("latin-1") for piece in pieces])


def dictated_frames(answer: Answer, turns: Sequence[tuple[str, str]]) -> list[Frame] | None:
    """The bytes that the conversation's last turn asks for; None where the model is another."""
    prompt = turns[-1][1] if turns else ""
    if answer.fault.options.get("as") != "dictated" and not prompt.startswith(FOR_ANY_MODEL):
        return None
    return [Frame(piece.encode("latin-1")) for piece in json.loads(prompt.removeprefix(FOR_ANY_MODEL))]
