"""The page's scripts and styles, as they are sent."""

from __future__ import annotations

import re
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"


def read_asset(name: str) -> str:
    """An asset without comments and indents, which are an eighth of the page. A comment reaches the end of its line.
    Nor has it spaces around signs that stand in no text: between the parts of styles, and around operators."""
    is_css = name.endswith(".css")
    comments = r"(?s)/\*.*?\*/\n?" if is_css else r"(?m)^ *//.*\n|  // .*$"
    text = re.sub(comments, "", (ASSETS / name).read_text(encoding="utf-8"))
    text = re.sub(r"(?m)^ +", "", text)
    return re.sub(r" ?([{;},>]) ?" if is_css else r" (=>|[!=]==|&&|\|\||=) ", r"\1", text)
