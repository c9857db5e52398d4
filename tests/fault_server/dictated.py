"""Streams that a test dictates: the model `ok?as=dictated` answers with the very bytes that its prompt asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fault_server.faults import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.fault_server.dialect import Answer

MODEL = "ok?as=dictated"


def dictation(pieces: Iterable[bytes]) -> str:
    """The prompt that asks for these bytes, each piece in a write of its own."""
    return json.dumps([piece.decode("latin-1") for piece in pieces])


def dictated_frames(answer: Answer, turns: Sequence[tuple[str, str]]) -> list[Frame] | None:
    """The bytes that the conversation's last turn asks for; None where the model is another."""
    if answer.fault.options.get("as") != "dictated":
        return None
    return [Frame(piece.encode("latin-1")) for piece in json.loads(turns[-1][1])]
