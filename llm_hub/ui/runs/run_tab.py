"""The Runs tab: its layout, and which events are connected to it. The handlers are in run_events.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.runs.run_plan import DEFAULT_RUBRIC, MAX_RUBRIC_LINES, MAX_TARGETS, MAX_VARIANTS
from llm_hub.ui.chat.fallback_chain import PICK
from llm_hub.ui.page_assets import read_asset
from llm_hub.ui.runs.run_events import RunEvents
from llm_hub.ui.runs.run_filter import FILTER
from llm_hub.ui.runs.run_form import KINDS
from llm_hub.ui.runs.run_parts import FormParts, RunParts, RunView
from llm_hub.ui.runs.run_view import save_html
from llm_hub.ui.texts import runs_texts as texts

if TYPE_CHECKING:
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.runs.open_runs import OpenRuns

LIVE = """<div class="run-live {{value.state}}"><progress max="1" value="{{value.share}}"
aria-label="Share that is done"></progress><p>{{value.line}}</p></div>"""
OPEN = """watch("value", () => {
  const dialog = element.querySelector("dialog");
  dialog?.addEventListener("close", () => { props.value = ""; });
  dialog?.showModal();
});
element.addEventListener("change", ({target}) => {
  trigger("pick", {what: `${target.closest("dialog").dataset.number} ${target.value}`});
});"""
"""JavaScript that opens an answer over the page, tells with which other one to compare it, and forgets it when it is
closed."""
SHOW_RUN = """window.llmHub.showRun = () => {
  const id = window.llmHub.wantedRun;
  window.llmHub.wantedRun = "";
  if (id) trigger("pick", { what: `open ${id}` });
};
"""
"""JavaScript that shows the run which the list of conversations wants to see (assets/open_conversation.js)."""
MARKS = read_asset("run_marks.js")
MARKING = read_asset("run_marking.js")


def run_tab(gateway: Gateway, runs: OpenRuns, tab: gr.Tab) -> None:
    """Builds the tab."""
    RunEvents(gateway, runs, _layout()).connect(tab)


def _layout() -> RunParts:
    with gr.Column(elem_id="runs"):
        with gr.Column(elem_id="runs-new") as new:
            with gr.Row(elem_id="runs-top"):
                gr.HTML(texts.INTRODUCTION, elem_id="runs-introduction")
                example = gr.Button(texts.EXAMPLE, size="sm", elem_id="runs-example")
            form = _form()
            with gr.Row(elem_id="runs-bar"):
                estimate = gr.HTML("", elem_id="runs-estimate")
                start = gr.Button(texts.START, variant="primary", elem_id="runs-start")
        problem = gr.HTML("", elem_id="runs-problem")
        saved = gr.HTML("", js_on_load=PICK + SHOW_RUN, apply_default_css=False, elem_id="runs-saved")
        with gr.Column(visible=False, elem_id="runs-shown") as shown:
            head = gr.HTML("", js_on_load=PICK, apply_default_css=False, elem_id="runs-head")
            live = gr.HTML(
                {"shown": "", "state": "ended", "marks": "", "share": 0, "line": ""},
                html_template=LIVE,
                js_on_load=MARKS,
                apply_default_css=False,
                elem_id="runs-live",
            )
            figures = gr.HTML("", js_on_load=PICK, apply_default_css=False, elem_id="runs-figures")
            save = gr.HTML(save_html(), js_on_load=PICK, apply_default_css=False, elem_id="runs-save")
            row_filter = gr.HTML("", js_on_load=FILTER, apply_default_css=False, elem_id="runs-filter")
            table = gr.HTML("", js_on_load=PICK, apply_default_css=False, elem_id="runs-table")
            answer = gr.HTML("", js_on_load=OPEN, apply_default_css=False, elem_id="runs-answer")
            marking = gr.HTML("", js_on_load=MARKING, apply_default_css=False, elem_id="runs-marking")
    return RunParts(
        problem=problem, new=new, form=form, estimate=estimate, start=start, example=example, saved=saved, shown=shown,
        head=head, live=live, figures=figures, filter=row_filter, table=table, answer=answer, marking=marking,
        save=save, file=gr.JSON(visible=False), view=gr.State(RunView()),
    )  # fmt: skip


def _form() -> FormParts:
    prompts = gr.MultimodalTextbox(
        label=texts.PROMPTS,
        placeholder=texts.PROMPTS_PLACEHOLDER,
        file_count="single",
        sources=["upload"],
        submit_btn=False,
        lines=4,
        max_lines=12,
        max_plain_text_length=10**8,
        elem_id="runs-prompts",
    )
    kind = gr.Radio(KINDS, value="txt", label=texts.READ_AS, elem_id="runs-kind")
    targets = gr.Dropdown(
        [],  # they come when the tab is opened
        value=[],
        multiselect=True,
        max_choices=MAX_TARGETS,
        allow_custom_value=True,
        label=texts.TARGETS.format(max_targets=MAX_TARGETS),
        elem_id="runs-targets",
    )
    template = gr.Textbox(
        label=texts.TEMPLATE,
        placeholder=texts.TEMPLATE_PLACEHOLDER,
        lines=2,
        max_lines=12,
        elem_id="runs-template",
    )
    checks = gr.Textbox(
        label=texts.CHECKS,
        placeholder=f"for example contains:{{{{answer}}}}. Kinds: {texts.CHECK_KINDS}",
        lines=2,
        max_lines=8,
        elem_id="runs-checks",
    )
    with gr.Row(elem_id="runs-amounts"):
        repeats = gr.Textbox("1", label=texts.REPEATS, min_width=100, elem_id="runs-repeats")
        ceiling = gr.Textbox(label=texts.CEILING, placeholder=texts.NO_CEILING, min_width=100, elem_id="runs-ceiling")
        max_tokens = gr.Textbox(
            label=texts.MAX_TOKENS, placeholder=texts.MODELS_OWN, min_width=100, elem_id="runs-max-tokens"
        )
    with gr.Accordion(texts.MORE, open=False, elem_id="runs-more"):
        variants = [
            gr.Textbox(
                label=texts.VARIANT.format(number=number), lines=2, max_lines=12, elem_id=f"runs-template-{number}"
            )
            for number in range(2, MAX_VARIANTS + 1)
        ]
        system = gr.Textbox(
            label=texts.SYSTEM_PROMPT, placeholder=texts.NO_SYSTEM_PROMPT, lines=1, max_lines=6, elem_id="runs-system"
        )
        temperature = gr.Textbox(label=texts.TEMPERATURE, placeholder=texts.MODELS_OWN, elem_id="runs-temperature")
        fallback = gr.Checkbox(
            label=texts.FALLBACK,
            elem_id="runs-fallback",
        )
    with gr.Accordion("A model as judge of the answers", open=False, elem_id="runs-judging"):
        judge = gr.Dropdown(
            [],
            value=None,
            allow_custom_value=True,
            label="Judge, which compares the answers in pairs, each pair in both orders",
            elem_id="runs-judge",
        )
        rubric = gr.Textbox(
            label=f"Rubric: what makes an answer better, up to {MAX_RUBRIC_LINES} lines",
            placeholder=DEFAULT_RUBRIC,
            lines=2,
            max_lines=MAX_RUBRIC_LINES,
            elem_id="runs-rubric",
        )
    return FormParts(
        prompts=prompts, kind=kind, targets=targets, templates=(template, *variants), checks=checks, repeats=repeats,
        ceiling=ceiling, system=system, temperature=temperature, max_tokens=max_tokens, fallback=fallback,
        judge=judge, rubric=rubric,
    )  # fmt: skip
