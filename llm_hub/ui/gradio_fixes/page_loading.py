"""A page that is there sooner: a shorter configuration, and nothing that is asked for late.

Gradio 6.31.0

- tells the page what programs may send to each component and get from it, three times, although no event of this page
  is offered to programs: 190 of 530 KB. May go when:
  tests/ui/gradio_fixes/test_server_side.py::test_a_configuration_tells_what_programs_may_send fails. And it names the
  kind of each component by a hash, too, which only components that are not Gradio's own need.
- looks in all of an answer, at each of its updates, for tables and models that the page never shows in one (`:has()` in
  the styles of the Chatbot): a tenth of the time that four panes take. May go when:
  tests/ui/gradio_fixes/test_stylesheet.py::test_gradio_looks_for_tables_in_every_answer fails.
- has the page find out step by step which scripts and styles it needs, each kind of component its own: 88 requests of
  which the last begin when those before have come. Here the scripts are named in the page's head, and the styles are
  one file. May go when:
  tests/ui/gradio_fixes/test_in_browser.py::test_each_kind_of_component_asks_for_its_own_style fails.
"""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.applications import Starlette
    from starlette.requests import Request

STYLES = "/components.css"
ASSETS = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
_UNUSED_HAS = re.compile(r":has\((?=\.(?:table-wrap|model3D))")
"""Becomes `:is(`, which weighs as much: nothing that is shown is such a table or model itself."""
_FILES = re.compile(r"m\.f=\[([^\]]*)\]")
"""In one of Gradio's scripts: the files that it may ask for."""
_IMPORT = re.compile(r"(?:(\w+)`?:\{(?:[^{}]*,)?component:\(\)=>\w+\(\(\)=>)?import\(`\./([^`]+)`\)[^\[]*\[([\d,]*)\]")
"""A module that it imports later: the kind of component that this is, if any, and the numbers of the module's files."""


def shorten_config(blocks: gr.Blocks) -> None:
    """Leaves out of the page's configuration what no browser reads. Call it when the page is mounted."""
    for component in blocks.config["components"]:
        for name in ("api_info_as_input", "api_info_as_output", "example_inputs"):
            component.pop(name, None)
        component["api_info"] = {}
        component["component_class_id"] = component["type"]
        component["props"].pop("preserved_by_key", None)
    for event in blocks.config["dependencies"]:
        for name in ("api_description", "max_batch_size"):
            event.pop(name, None)


def add_styles(app: Starlette, blocks: gr.Blocks, own: str) -> str:
    """Adds the one file of styles to `app`. Returns what the page's head says of it and of the scripts, at its end.
    `own` are styles of ours, which then weigh as much as those in the page do: Gradio writes a prefix before each rule.

    It has the kinds of components that the page begins with; the others ask for theirs when they are first shown.
    """
    files = list(dict.fromkeys(_files_of(blocks)))
    scripts = [name for name in files if name.endswith(".js")]
    sheets = [name for name in files if name.endswith(".css") and not name.startswith("index-")]  # stands in the page
    texts = (_UNUSED_HAS.sub(":is(", (ASSETS / name).read_text(encoding="utf-8")) for name in sheets)
    text = "\n".join((*texts, f".gradio-container .contain {{ {own} }}"))

    async def styles(_: Request) -> Response:
        return Response(text, media_type="text/css")  # one for each request, since the front door adds headers to it

    app.routes.append(Route(STYLES, styles, methods=["GET"]))
    version = sha256(text.encode()).hexdigest()[:16]
    # Gradio's script asks for no sheet that has a link, and the browser for none of a type that is no style. One that
    # is only disabled, Chromium 150 asks for.
    return "".join(
        (
            f'<link rel="stylesheet" href=".{STYLES}?v={version}">',
            *(f'<link rel="stylesheet" type="text/plain" href="./assets/{name}" disabled>' for name in sheets),
            *(f'<link rel="modulepreload" href="./assets/{name}">' for name in scripts),
        )
    )


def _files_of(blocks: gr.Blocks) -> Iterator[str]:
    """The files of every page, in the order in which Gradio's scripts come upon them, then those of the components."""
    index = _first((path.name for path in ASSETS.glob("*.js")), "index-")
    yield index
    later = _imports(index)
    frame = later.get(_first(later, "Index-"), [])
    yield from frame
    for script in frame[:1]:
        last = _imports(script)
        yield from last.get(_first(last, "Blocks-"), [])
    components = _imports(_first(frame, "core-"))
    for block in blocks.blocks.values():
        if getattr(block, "visible", True) is not False:
            yield from components.get(block.get_block_name(), [])


def _first(names: Iterable[str], begin: str) -> str:
    return next((name for name in names if name.startswith(begin)), "")


def _imports(script: str) -> dict[str, list[str]]:
    """What a script imports later: all files by the kind of component or, where it is none, by the module."""
    path = ASSETS / script
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    listed = _FILES.search(text)
    files = [name.strip("\"'").removeprefix("./") for name in listed[1].split(",")] if listed else []
    return {
        kind or module: [module, *(files[int(number)] for number in numbers.split(",") if number)]
        for kind, module, numbers in _IMPORT.findall(text)
        if files
    }
