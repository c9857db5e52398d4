"""A fault server: three vendors' protocols over real sockets, and every way to fail that was seen in the field."""

from tests.fault_server.calls import filled
from tests.fault_server.log import Exchange
from tests.fault_server.server import FaultServer
from tests.fault_server.text import REASONING, SCHEMA, answer_text, expected_text
from tests.fault_server.thread import FaultServerThread

__all__ = [
    "REASONING",
    "SCHEMA",
    "Exchange",
    "FaultServer",
    "FaultServerThread",
    "answer_text",
    "expected_text",
    "filled",
]
