"""What a newly opened page begins with, changed while the server runs.

Gradio 6.31.0 writes down the page's configuration when it is mounted, and gives it to every page that is opened from
then on, whatever becomes of the components. May go when:
tests/ui/gradio_fixes/test_server_side.py::test_a_page_begins_with_what_was_written_down_when_it_was_mounted fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr
    from gradio.components import Component


def change_first_values(blocks: gr.Blocks, component: Component, **values: Any) -> None:
    """Pages that are opened from now on have a component with these values, such as another value or other choices."""
    for name, value in values.items():
        setattr(component, name, value)
    for written in blocks.config["components"]:
        if written["id"] == component._id:  # noqa: SLF001  # Gradio's own name for it
            written["props"] |= values
