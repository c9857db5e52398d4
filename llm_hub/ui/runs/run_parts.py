"""The components of the Runs tab, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr


@dataclass(frozen=True, slots=True)
class FormParts:
    """What a new run is read from."""

    prompts: gr.MultimodalTextbox
    kind: gr.Radio
    targets: gr.Dropdown
    templates: tuple[gr.Textbox, ...]
    checks: gr.Textbox
    repeats: gr.Textbox
    ceiling: gr.Textbox
    system: gr.Textbox
    temperature: gr.Textbox
    max_tokens: gr.Textbox
    fallback: gr.Checkbox
    judge: gr.Dropdown
    rubric: gr.Textbox

    @property
    def inputs(self) -> set[Any]:
        """All that the form is read from."""
        texts = {self.checks, self.repeats, self.ceiling, self.system, self.temperature, self.max_tokens}
        judge = {self.judge, self.rubric}
        return {self.prompts, self.kind, self.targets, *self.templates, *texts, self.fallback, *judge}


@dataclass(frozen=True, slots=True)
class RunView:
    """What a tab shows: a run, which of its rows (None: all), from the how-many-th of them on, and compared with which
    earlier run. Without an id it shows the form."""

    run_id: str = ""
    first_row: int = 0
    rows: tuple[int, ...] | None = None
    earlier: str = ""

    @property
    def key(self) -> str:
        """A text that is another one for other rows: a table says by it whether marks are for it."""
        return f"{self.run_id} {hash((self.first_row, self.rows))}"


@dataclass(frozen=True, slots=True)
class RunParts:
    """All of the tab. `new` has the form, `shown` a run: one of the two is in sight. `view` is a `RunView`.

    `problem` says what went wrong, `live` carries what changes while a run is asked. `file` is what the browser saves.
    """

    problem: gr.HTML
    new: gr.Column
    form: FormParts
    estimate: gr.HTML
    start: gr.Button
    example: gr.Button
    saved: gr.HTML
    shown: gr.Column
    head: gr.HTML
    live: gr.HTML
    figures: gr.HTML
    filter: gr.HTML
    table: gr.HTML
    answer: gr.HTML
    marking: gr.HTML
    save: gr.HTML
    file: gr.JSON
    view: gr.State
