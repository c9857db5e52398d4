"""Beside the list of models: what the chosen embedded model is, and the download of one that is not here yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.errors import LLMHubError
from llm_hub.providers.llamacpp.download import GIGABYTE
from llm_hub.providers.llamacpp.model_file import PACKAGED_MODEL
from llm_hub.ui import model_choices
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.providers.llamacpp.downloads import Downloads
    from llm_hub.providers.llamacpp.offered_models import OfferedModel

SECONDS = 1.0
"""Seconds between two looks at how far a download is."""


@dataclass(frozen=True, slots=True)
class DownloadParts:
    """What is said of the model, a button that downloads it, one that stops that, and what asks how far it is."""

    note: gr.HTML
    start: gr.Button
    stop: gr.Button
    clock: gr.Timer


@dataclass(frozen=True, slots=True)
class DownloadState:
    """How the parts look: a button without a label is not there."""

    note: str = ""
    start: str = ""
    runs: bool = False


def download_parts(session: Session, provider: str, model: str) -> DownloadParts:
    """The parts as they are where this model is chosen first."""
    state = find_state(session, provider, model)
    return DownloadParts(
        gr.HTML(state.note, elem_id="chat-download", visible=bool(state.note)),
        gr.Button(state.start, visible=bool(state.start), variant="primary", size="sm", elem_id="chat-download-start"),
        gr.Button(texts.STOP_DOWNLOAD, visible=state.runs, size="sm", elem_id="chat-download-stop"),
        gr.Timer(SECONDS, active=state.runs),
    )


def find_state(session: Session, provider: str, model: str) -> DownloadState:
    """What there is to say of the chosen model."""
    if provider != model_choices.EMBEDDED:
        return DownloadState()
    downloads = session.downloads
    offered = downloads.find(model) if downloads else None
    if downloads is not None and offered is not None:
        return _offered_state(downloads, offered)
    if model != PACKAGED_MODEL:
        return DownloadState()
    better = texts.BETTER_MODELS if downloads else texts.OTHER_PROVIDERS
    return DownloadState(_remark(texts.SMALL_MODEL.format(model=model, better=better)))


def _offered_state(downloads: Downloads, model: OfferedModel) -> DownloadState:
    if progress := downloads.progress(model):
        bar = f'<progress max="{progress.size}" value="{progress.received}" aria-label="{model.id}"></progress>'
        return DownloadState(f'<div class="note">Downloading {model.id}: {progress}{bar}</div>', runs=True)
    facts = texts.MODEL_FACTS.format(licence=model.licence, maker=model.maker, memory=model.memory / GIGABYTE)
    if downloads.path(model):
        return DownloadState(_remark(texts.DOWNLOADED.format(id=model.id, facts=facts)))
    received, size = downloads.received(model), model.file.size
    missing = f"{(size - received) / GIGABYTE:.1f} GB"
    if failure := downloads.failure(model):
        return DownloadState(_problem(failure), texts.TRY_AGAIN.format(missing=missing))
    try:
        downloads.check(model)
    except LLMHubError as error:
        return DownloadState(_problem(error))
    about = texts.TO_BE_DOWNLOADED.format(id=model.id, facts=facts, repo=model.file.repo)
    return DownloadState(_note(about), f"{texts.GO_ON if received else texts.DOWNLOAD} {missing}")


def _remark(text: str) -> str:
    """What nobody need do anything about: on a phone it gives way to a conversation."""
    return f'<div class="note remark" role="status">{html_text(text)}</div>'


def _problem(error: LLMHubError) -> str:
    return f'<div class="note problem" role="status">{html_text(str(error))}</div>'


def _note(text: str) -> str:
    return f'<div class="note" role="status">{html_text(text)}</div>'
