"""The class names of Gradio that our styles use: one that Gradio drops takes a rule with it, and nobody notices."""

from __future__ import annotations

import re
from pathlib import Path

import gradio
import pytest

from llm_hub.ui.gradio_fixes import page_loading
from llm_hub.ui.page_assets import ASSETS

NAMES = ("fillable", "tab-wrapper", "tab-container", "visually-hidden", "html-container", "label-wrap", "block-info",
    "wrap-inner", "secondary-wrap", "icon-wrap", "accordion-content", "message-row", "message-wrap", "message-content",
    "bubble-wrap", "top-panel", "scroll-down-button-container", "message-buttons", "icon-button-wrapper",
    "message-buttons-right", "thought-group", "placeholder-content", "submit-button", "full-container",
    "input-container", "input-wrapper", "thumbnail-wrapper", "user-row", "bot-row", "flex-wrap")  # fmt: skip


@pytest.fixture(scope="module")
def frontend() -> str:
    """Everything that Gradio's page consists of."""
    folder = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
    files = [file for file in folder.iterdir() if file.suffix in (".js", ".css")]
    return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


def test_gradio_still_has_every_class_that_a_style_names(frontend: str) -> None:
    styles = "".join(file.read_text(encoding="utf-8") for file in ASSETS.glob("*.css"))
    assert [name for name in NAMES if name not in styles] == [], "no style uses it any more: take it off the list"
    assert [name for name in NAMES if name not in frontend] == [], "Gradio renamed it: look for its rules in assets"


def test_no_rule_stands_in_two_files() -> None:
    """Long declarations alone: short ones, such as `display: none`, are the same by chance."""
    places: dict[str, set[str]] = {}
    for file in ASSETS.glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        for declarations in re.findall(r"\{([^{}]*)\}", text):
            if declarations.count(";") > 1:
                places.setdefault(" ".join(declarations.split()), set()).add(file.name)
    assert {rule: files for rule, files in places.items() if len(files) > 1} == {}


def test_gradio_looks_for_tables_in_every_answer() -> None:
    """Else page_loading.py need not change the styles of the Chatbot."""
    styles = "".join(file.read_text(encoding="utf-8") for file in page_loading.ASSETS.glob("*.css"))
    assert ":has(.table-wrap)" in styles
