"""The page's scripts and styles are sent without what means nothing, and with all that means something."""

from __future__ import annotations

import re

import pytest

from llm_hub.ui.page_assets import ASSETS, read_asset

NAMES = sorted(asset.name for asset in ASSETS.iterdir())
SCRIPTS = [name for name in NAMES if name.endswith(".js")]
TEMPLATE_IN_TEMPLATE = re.compile(r"`[^`]*\$\{[^}`]*`")


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_a_script_says_is_as_it_was_written(name: str) -> None:
    source = re.sub(r"(?m)^ *//.*\n|  // .*$", "", (ASSETS / name).read_text(encoding="utf-8"))
    sent = read_asset(name)
    assert len(sent) < len(source)
    for text in re.findall(r'"[^"\n]*"|`[^`]*`', source):
        if "${" not in text:  # the code in a template is a script's, too
            assert text in sent


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_template_stands_in_another(name: str) -> None:
    assert not TEMPLATE_IN_TEMPLATE.search((ASSETS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_no_comment_is_sent(name: str) -> None:
    assert not re.search(r"(?m)^//|  // |/\*", read_asset(name))
