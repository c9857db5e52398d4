"""The page's scripts and styles, as they are sent."""

from __future__ import annotations

from pathlib import Path

import rcssmin
import rjsmin

ASSETS = Path(__file__).parent / "assets"


def read_asset(name: str) -> str:
    """An asset without comments, and without white space that means nothing: a sixth of the page. A script ends with a
    line break, so that another may follow. It has no template inside another one's `${…}`: rjsmin knows none.
    """
    text = (ASSETS / name).read_text(encoding="utf-8")
    return str(rcssmin.cssmin(text)) if name.endswith(".css") else f"{rjsmin.jsmin(text)}\n"
