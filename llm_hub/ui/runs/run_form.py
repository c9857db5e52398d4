"""Reads a new run from the form of the Runs tab. What is wrong is an `LLMHubError`, in words for the visitor."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_hub.documents.kinds import clean_name
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.runs.answer_checks import read_check
from llm_hub.runs.prompt_set import PromptSet, read_prompt_set
from llm_hub.runs.run_estimate import check_prices
from llm_hub.runs.run_plan import MAX_REPEATS, RunPlan
from llm_hub.runs.runner import ready_targets
from llm_hub.ui import model_choices
from llm_hub.ui.texts import runs_texts as texts
from llm_hub.ui.typed_settings import parse_max_tokens, parse_temperature

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.ui.event_values import Inputs, Updates
    from llm_hub.ui.runs.run_parts import FormParts

KINDS = [(texts.ONE_A_LINE, "txt"), ("CSV", "csv"), (texts.JSON_LINES, "jsonl")]
"""How a pasted text is read. A file's ending says it of the file."""
PASTED = "The text"
"""What pasted prompts are called, until the first one names their run."""
MAX_TITLE_CHARS = 60

EXAMPLE = """word
boat
sea
calm
disaster
crew
drills
hour
captain
lighthouse
harbour"""
"""Words of which Chaos, whose answer is always the same, says seven."""
EXAMPLE_PROMPT = "Write one sentence about lifeboats. Use the word {{word}}."
EXAMPLE_CHECK = "contains:{{word}}"


def has_prompts(data: Inputs, form: FormParts) -> bool:
    """Whether prompts are there, be they good or not: without them nothing is wrong yet."""
    prompts = data[form.prompts] or {}
    return bool(prompts.get("files") or (prompts.get("text") or "").strip())


async def read_form(data: Inputs, form: FormParts, session: Session) -> RunPlan:
    """The run that the form describes. Raises `LLMHubError`."""
    prompts = await read_prompts(data, form)
    if not data[form.targets]:
        raise ConfigurationError(texts.NO_TARGET, hint=texts.NO_TARGET_HINT)
    targets = await ready_targets(session, [str(name).strip() for name in data[form.targets]])
    options: dict[str, Any] = {
        "templates": tuple(text for box in form.templates if (text := data[box] or "").strip()),
        "repeats": _parse_repeats(data[form.repeats] or ""),
        "checks": tuple(check for line in (data[form.checks] or "").splitlines() if (check := line.strip())),
        "system": data[form.system] or "",
        "temperature": parse_temperature(data[form.temperature] or ""),
        "max_tokens": parse_max_tokens(data[form.max_tokens] or ""),
        "max_usd": _parse_ceiling(data[form.ceiling] or ""),
        "fallback": await _fallback(session) if data[form.fallback] else (),
        "judge": await _judge(str(data[form.judge] or ""), session),
        "rubric": tuple(line for text in (data[form.rubric] or "").splitlines() if (line := text.strip())),
    }
    plan = await asyncio.to_thread(_make_plan, prompts, targets, options)
    check_prices(plan, session)
    return plan


def fill_example(form: FormParts, session: Session) -> Updates:
    """The form with an example that costs nothing: the embedded model and Chaos, as far as they are there."""
    states = {state.name: state for state in session.providers() if state.ready}
    free = [states[name] for name in (model_choices.EMBEDDED, "chaos") if name in states]
    chosen = [state for state in free or states.values() if state.default_model][:2]
    return {
        form.prompts: {"text": EXAMPLE, "files": []},
        form.kind: "csv",
        form.targets: [f"{state.name}/{state.default_model}" for state in chosen],
        **dict(zip(form.templates, (EXAMPLE_PROMPT, "", ""), strict=True)),
        form.checks: EXAMPLE_CHECK,
        form.repeats: "1",
        form.max_tokens: "60",
    }


async def suggest_template(data: Inputs, form: FormParts) -> str | None:
    """The first column as the prompt, where nothing is written that these prompts could use; None: leave what is."""
    with suppress(LLMHubError):  # which the estimate tells
        if has_prompts(data, form):
            prompts, written = await read_prompts(data, form), data[form.templates[0]] or ""
            return None if (template := prompts.suggest_template(written)) == written else template
    return None


async def read_prompts(data: Inputs, form: FormParts) -> PromptSet:
    """The prompts alone, of a pasted text or of a file. Raises `LLMHubError`."""
    value, kind = data[form.prompts] or {}, str(data[form.kind])
    text, files = value.get("text") or "", value.get("files") or ()
    if files and text.strip():
        raise ConfigurationError(texts.TEXT_AND_FILE, hint=texts.TEXT_AND_FILE_HINT)
    if len(files) > 1:
        raise ConfigurationError(texts.ONE_FILE, hint=texts.ONE_FILE_HINT)
    if files:
        file = Path(files[0])
        content = await asyncio.to_thread(file.read_bytes)
        return await asyncio.to_thread(read_prompt_set, clean_name(file.name), content)
    if not text.strip():
        raise ConfigurationError(texts.NO_PROMPTS, hint=texts.NO_PROMPTS_HINT)
    return await asyncio.to_thread(read_prompt_set, PASTED, text.encode(), f".{kind}")


def _make_plan(prompts: PromptSet, targets: tuple[str, ...], options: dict[str, Any]) -> RunPlan:
    plan = RunPlan(prompts, targets, **options)
    for row in range(len(prompts.rows)):
        for check in plan.checks_of(row):
            read_check(check)
    if prompts.name == PASTED:
        words = " ".join(plan.texts[0][0].split())
        title = words if len(words) <= MAX_TITLE_CHARS else f"{words[:MAX_TITLE_CHARS]}…"
        plan = replace(plan, prompts=replace(prompts, name=title))
    return plan


async def _fallback(session: Session) -> tuple[str, ...]:
    if not session.route:
        raise ConfigurationError(texts.NO_ROUTE, hint=texts.NO_ROUTE_HINT)
    return await ready_targets(session, session.route)


async def _judge(name: str, session: Session) -> str:
    judges = await ready_targets(session, [name.strip()] if name.strip() else [])
    return judges[0] if judges else ""


def _parse_repeats(text: str) -> int:
    with suppress(ValueError):
        if 1 <= (value := int(text.strip() or "1")) <= MAX_REPEATS:
            return value
    raise ConfigurationError(texts.BAD_REPEATS.format(max_repeats=MAX_REPEATS))


def _parse_ceiling(text: str) -> Decimal | None:
    if not text.strip():
        return None
    with suppress(InvalidOperation):
        value = Decimal(text.strip().removeprefix("$").replace(",", "."))
        if value.is_finite() and value > 0:
            return value
    raise ConfigurationError(texts.BAD_CEILING, hint=texts.BAD_CEILING_HINT)
