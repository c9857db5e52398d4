"""The events of the Runs tab. A run is the server's: the tab only names the one that it shows.

All of it is for the owner alone. The page has the tab only where others cannot reach it, and the handlers answer
browsers on the hub's own computer only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.access.client_address import from_here
from llm_hub.errors import LLMHubError
from llm_hub.runs.marking import marking_order, with_marks
from llm_hub.runs.row_filter import RowFilter, find_rows
from llm_hub.runs.run_estimate import estimate_run
from llm_hub.ui import model_choices
from llm_hub.ui.browser_files import SAVE, browser_file
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW, QUIET, STREAMING
from llm_hub.ui.gradio_fixes.quiet_end import end_quietly
from llm_hub.ui.render.run_files import FORMATS, write_report
from llm_hub.ui.render.run_report import RunReport
from llm_hub.ui.runs import run_filter, run_form, run_table, run_view
from llm_hub.ui.runs.marking_view import marking_html
from llm_hub.ui.runs.run_answer import answer_html
from llm_hub.ui.runs.run_parts import RunView
from llm_hub.ui.texts import runs_texts as texts

if TYPE_CHECKING:
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.runs.open_runs import OpenRun, OpenRuns
    from llm_hub.ui.runs.run_parts import RunParts

UPDATE_INTERVAL = 0.125
"""Seconds between two updates of a run that is in sight."""
TIME_LEFT_INTERVAL = 1.0
"""Seconds after which the time that is left is told again, if no answer has come meanwhile."""
MEDIA_TYPES = {"html": "text/html", "md": "text/markdown", "csv": "text/csv", "json": "application/json"}
MARKS: dict[str, bool | None] = {"yes": True, "no": False, "unmark": None}
"""What the buttons of an answer that is to be marked mean."""

Handler = Callable[..., Awaitable[Updates]]


def for_owner(handler: Handler) -> Handler:
    """A handler that answers the owner's own browser alone, and says on the tab what goes wrong."""

    @wraps(handler)
    async def run(self: RunEvents, data: Inputs, *rest: Any) -> Updates:
        visitor: gr.Request = rest[-1]
        try:
            if not from_here(visitor.client.host, visitor.headers):
                return self.show_problem(texts.LOCAL_ONLY)
            return {**self.show_problem(""), **await handler(self, data, *rest)}
        except LLMHubError as error:
            return self.show_problem(str(error))

    return run


class RunEvents:
    """The handlers. Each takes the values that it reads and returns those that it changes, by component."""

    def __init__(self, gateway: Gateway, runs: OpenRuns, parts: RunParts) -> None:
        self._gateway = gateway
        self._runs = runs
        self._parts = parts
        self._watching: dict[str, object] = {}
        """For each tab the handler that shows it a run as it grows: a later one takes its place."""

    def connect(self, tab: gr.Tab) -> None:
        parts, form = self._parts, self._parts.form
        state: set[Any] = {parts.view}
        view = [parts.view, parts.new, parts.shown, parts.head, parts.live, parts.figures, parts.filter, parts.table,
            parts.saved, parts.marking, parts.problem]  # fmt: skip
        live = [parts.head, parts.live, parts.figures]
        watch = end_quietly(self.watch, parts.live)
        selected = tab.select(self.select, state, [*view, form.targets, form.judge], **QUIET)
        selected.then(None, js="() => window.llmHub.showRun?.()", **NOW)
        for shows_run in (
            selected,
            parts.start.click(self.start, form.inputs, [*view, parts.estimate], **QUIET),
            parts.head.pick(self.press, state, view, **QUIET),
            parts.saved.pick(self.press, state, view, **QUIET),
            parts.figures.pick(self.press, state, view, **QUIET),
            parts.filter.pick(self.choose_rows, state, view, **QUIET),
        ):
            shows_run.then(watch, state, live, **STREAMING)
        filled = parts.example.click(self.fill_example, None, list(form.inputs), **QUIET)
        often: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
        texts = (*form.templates, form.checks, form.repeats, form.ceiling, form.system, form.temperature,
            form.max_tokens, form.rubric)  # fmt: skip
        changes = [box.input for box in (form.targets, form.fallback, form.judge)]
        estimate, template = [parts.estimate, parts.problem], [form.templates[0], parts.problem]
        gr.on([*changes, *(text.blur for text in texts)], self.estimate, form.inputs, estimate, **often)
        chosen = gr.on([form.prompts.change, form.kind.input], self.suggest, form.inputs, template, **often)
        chosen.then(self.estimate, form.inputs, estimate, **often)
        filled.then(self.estimate, form.inputs, estimate, **often)
        parts.table.pick(self.show_answer, state, [parts.answer, parts.problem], **QUIET)
        parts.answer.pick(self.show_answer, state, [parts.answer, parts.problem], **QUIET)
        parts.marking.pick(self.mark, state, view, **QUIET)
        saved = parts.save.pick(self.save, state, [parts.file, parts.problem], **QUIET)
        saved.then(None, parts.file, None, js=SAVE, **NOW)

    @for_owner
    async def select(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The tab comes into sight. A page that was loaded anew finds the run that is being worked on."""
        parts, view = self._parts, data[self._parts.view]
        targets = model_choices.list_targets(self._gateway.session(visitor))
        choices = [choice for choice in targets if choice[1] != model_choices.AUTO]
        if not view.run_id and (running := self._runs.running) is not None:
            view = RunView(running.id)
        listed = gr.update(choices=choices)
        return {parts.form.targets: listed, parts.form.judge: listed, **await self._show(view)}

    @for_owner
    async def suggest(self, data: Inputs, _: gr.Request) -> Updates:
        """Other prompts are there: names one of their columns as the prompt, where none is written."""
        template = await run_form.suggest_template(data, self._parts.form)
        return {self._parts.form.templates[0]: gr.skip() if template is None else template}

    @for_owner
    async def estimate(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The form has changed: what it would ask, and what that may cost, or what is wrong with it."""
        parts, session = self._parts, self._gateway.session(visitor)
        if not run_form.has_prompts(data, parts.form):
            return {parts.estimate: ""}
        said = ""
        try:
            said = run_view.prompts_html(await run_form.read_prompts(data, parts.form))
            if data[parts.form.targets]:
                plan = await run_form.read_form(data, parts.form, session)
                said += run_view.estimate_html(await asyncio.to_thread(estimate_run, plan, session))
        except LLMHubError as error:
            said += run_view.problem_html(str(error))
        return {parts.estimate: said}

    async def fill_example(self, visitor: gr.Request) -> Updates:
        """Fills the form, so that a newcomer need only start."""
        return run_form.fill_example(self._parts.form, self._gateway.session(visitor))

    @for_owner
    async def start(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Starts a run, and shows it. What is wrong with the form is told beside the button, and all that stands in it
        stays."""
        caller = self._gateway.visitor(visitor, "run")
        try:
            plan = await run_form.read_form(data, self._parts.form, caller.session)
        except LLMHubError as error:
            return {self._parts.estimate: run_view.problem_html(str(error))}
        run = await self._runs.start(caller, plan)
        return await self._show(RunView(run.id))

    @for_owner
    async def press(self, data: Inputs, picked: gr.EventData, visitor: gr.Request) -> Updates:
        """A button was used: of the shown run, or of the list of earlier ones."""
        view = data[self._parts.view]
        action, _, name = _what(picked).partition(" ")
        match action:
            case "open":
                await self._runs.open(name)
                view = RunView(name)
            case "close":
                view = RunView()
            case "rows" if name.isdecimal():
                view = replace(view, first_row=int(name[:9]))
            case "compare":
                view = replace(view, earlier=name)
            case "rerun":
                caller, earlier = self._gateway.visitor(visitor, "run"), await self._runs.find(view.run_id)
                run = await self._runs.start(caller, with_marks(earlier.plan, ()))
                view = RunView(run.id, earlier=earlier.id)
            case "mark":
                return {self._parts.marking: await self._first_to_mark(view)}
            case "pause":
                self._runs.stop(view.run_id)
            case "resume" | "again":
                caller = self._gateway.visitor(visitor, "run")
                await self._runs.resume(caller, view.run_id, again=action == "again")
            case "delete":
                await self._runs.delete(name)
        return await self._show(view, asks_to_delete=name if action == "ask" else "")

    @for_owner
    async def mark(self, data: Inputs, picked: gr.EventData, _: gr.Request) -> Updates:
        """A key or a button of the answer that is to be marked: marks it and shows the next, or shows another."""
        view = data[self._parts.view]
        run = await self._runs.find(view.run_id)
        action, _sep, place = _what(picked).partition(" ")
        order = marking_order(run.id, run.plan, run.cells)
        if action == "done" or not place.isdecimal() or int(place[:9]) >= len(order):
            return {self._parts.marking: "", **await self._show(view)}
        number = int(place[:9])
        if action in MARKS:
            await self._runs.mark(run, order[number], MARKS[action])
            number += action != "unmark"
        return {self._parts.marking: marking_html(run, order, number)}

    @for_owner
    async def show_answer(self, data: Inputs, picked: gr.EventData, _: gr.Request) -> Updates:
        """A mark of the table was used, or another answer chosen to compare with: opens the answer, or both."""
        run = await self._runs.find(data[self._parts.view].run_id)
        numbers = [int(text[:9]) for text in _what(picked).split() if text.isdecimal()][:2]
        if not numbers or numbers[0] not in run.cells:
            return {self._parts.answer: ""}
        return {self._parts.answer: await asyncio.to_thread(answer_html, run, *numbers)}

    @for_owner
    async def choose_rows(self, data: Inputs, picked: gr.EventData, _: gr.Request) -> Updates:
        """A field of the filter has changed: shows the rows that are so by now, from the first one on."""
        parts, view = self._parts, data[self._parts.view]
        run = await self._runs.find(view.run_id)
        wanted = run_filter.read_filter(run.plan, _what(picked))
        rows = await asyncio.to_thread(find_rows, run.plan, dict(run.cells), wanted)
        view = replace(view, first_row=0, rows=None if wanted == RowFilter() else rows)
        return {parts.view: view, parts.head: run_view.head_html(run, view), **await self._show_table(run, view)}

    @for_owner
    async def save(self, data: Inputs, picked: gr.EventData, _: gr.Request) -> Updates:
        """Gives the browser a report to save."""
        run, kind = await self._runs.find(data[self._parts.view].run_id), _what(picked)
        if kind not in FORMATS:
            return {self._parts.file: None}
        report = await self._report(run, data[self._parts.view])
        text = await asyncio.to_thread(write_report, report, kind)
        return {self._parts.file: browser_file(f"run-{run.id}.{kind}", MEDIA_TYPES[kind], text)}

    async def watch(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        """Shows the tab its run as it grows, to the end."""
        parts, view, tab = self._parts, data[self._parts.view], visitor.session_hash or ""
        token = self._watching[tab] = object()
        if not view.run_id:
            return
        run = await self._runs.find(view.run_id)  # it may have ended since the tab was shown it running
        marks, now = run_table.LiveMarks(run, view), asyncio.get_running_loop().time
        due = now()
        try:
            while run.is_running and self._watching.get(tab) is token:
                version, due = run.version, max(due + UPDATE_INTERVAL, now())
                yield {parts.live: await marks.value()}
                await asyncio.sleep(due - now())
                await run.wait(version, TIME_LEFT_INTERVAL)
            if self._watching.get(tab) is token:
                yield {parts.live: await marks.value(), **await self._show_results(run, view)}
        finally:
            if self._watching.get(tab) is token:
                del self._watching[tab]

    async def _show(self, view: RunView, *, asks_to_delete: str = "") -> Updates:
        """The form with the list of earlier runs, or one run."""
        parts = self._parts
        updates: Updates = {
            parts.view: view,
            parts.new: gr.update(visible=not view.run_id),
            parts.shown: gr.update(visible=bool(view.run_id)),
        }
        if not view.run_id:
            heads = await self._runs.heads()
            running = [head.id for head in heads if self._runs.is_running(head.id)]
            return {**updates, parts.filter: "", parts.saved: run_view.saved_html(heads, running, asks_to_delete)}
        run = await self._runs.find(view.run_id)
        shown = {parts.saved: "", parts.filter: run_filter.filter_html(run), **await self._show_table(run, view)}
        return {**updates, **shown, **await self._show_results(run, view)}

    async def _show_table(self, run: OpenRun, view: RunView) -> Updates:
        live = await run_table.LiveMarks(run, view).value()
        return {self._parts.live: live, self._parts.table: run_table.table_html(run, view, live["marks"])}

    async def _show_results(self, run: OpenRun, view: RunView) -> Updates:
        earlier = await self._runs.earlier(run)
        figures = "" if run.is_running else run_view.figures_html(await self._report(run, view), earlier)
        return {self._parts.head: run_view.head_html(run, view), self._parts.figures: figures}

    async def _first_to_mark(self, view: RunView) -> str:
        """The first answer that is not marked."""
        run = await self._runs.find(view.run_id)
        order = marking_order(run.id, run.plan, run.cells)
        place = next((place for place, number in enumerate(order) if run.cells[number].mark is None), 0)
        return marking_html(run, order, place)

    async def _report(self, run: OpenRun, view: RunView) -> RunReport:
        changes = await self._runs.compare(view.earlier, run) if view.earlier else None
        return RunReport(run.id, run.plan, dict(run.cells), await run.figures(), changes)

    def show_problem(self, text: str) -> Updates:
        """Says what went wrong; "": nothing did."""
        return {self._parts.problem: run_view.problem_html(text) if text else ""}


def _what(picked: gr.EventData) -> str:
    """Which button an event is about. Anybody can send anything."""
    data: Any = picked._data  # noqa: SLF001  # Gradio's own way to it
    what = data.get("what") if isinstance(data, dict) else None
    return what if isinstance(what, str) else ""
