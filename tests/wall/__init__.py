"""A fault server: three vendors' protocols over real sockets, and every way to fail that was seen in the field."""

from tests.wall.calls import filled
from tests.wall.log import Exchange
from tests.wall.server import Wall
from tests.wall.text import REASONING, SCHEMA, answer_text, expected_text
from tests.wall.thread import WallThread

__all__ = ["REASONING", "SCHEMA", "Exchange", "Wall", "WallThread", "answer_text", "expected_text", "filled"]
