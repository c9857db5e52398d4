"""What vendors say where they give no code: a short table of phrases, each with its source.

It is consulted where neither a code nor the status decides. A message may quote the prompt, so that a phrase is a
guess: every kind in the table falls back to the next target, and a guess never puts a target on hold until a person
ends that (see `error_from_reply`). A wrong guess costs an attempt, never an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from llm_hub.errors import (
    KeyRefused,
    ModelNotFound,
    NotConfigured,
    PromptTooLong,
    ProviderError,
    QuotaExhausted,
    RateLimited,
)

MAX_PHRASE_CHARS = 1000
"""Characters of a message that are searched: what a vendor means comes first, what it quotes comes after."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A vendor's words, as a regular expression in small letters, and the error that they stand for.

    `source` is the public report that quotes the words.
    """

    words: str
    kind: type[ProviderError]
    source: str


PHRASES = (
    # The prompt is too long
    Phrase(r"maximum (context|prompt|sequence) length", PromptTooLong, "vLLM, xAI, OpenRouter: earendil-works/pi#5929"),
    Phrase(r"prompt (is )?too long|input is too long", PromptTooLong, "Anthropic, Ollama, Bedrock: jin-bo/agentao#88"),
    Phrase(
        r"exceeds? (the |this )?(available |model'?s? )?context (window|size|limit|length)",
        PromptTooLong,
        "OpenAI, llama.cpp, Anthropic: openclaw/openclaw#20539",
    ),
    Phrase(r"(longer|greater) than the (model's )?context length", PromptTooLong, "LM Studio: jin-bo/agentao#88"),
    Phrase(
        r"(token count|tokens?|input length).{0,60}(exceeds?|longer than).{0,20}(maximum|max_seq_len|limit of \d)",
        PromptTooLong,
        "Gemini, Poolside, Atlas: earendil-works/pi#4943",
    ),
    Phrase(r"inputs?`? tokens \+ `?max_new_tokens", PromptTooLong, "huggingface/text-generation-inference#628"),
    Phrase(r"inputs?`? must have less than \d+ tokens", PromptTooLong, "huggingface/text-generation-inference#937"),
    Phrase(r"model is loaded with context length of", PromptTooLong, "LM Studio: lmstudio-ai/lmstudio-bug-tracker#546"),
    Phrase(r"context size has been exceeded", PromptTooLong, "llama.cpp, LM Studio: ggml-org/llama.cpp#19774"),
    Phrase(r"exceeded model token limit|too large for model with \d+", PromptTooLong, "archestra-ai/archestra#6044"),
    Phrase(r"context window exceeds limit|reduce the length of the", PromptTooLong, "MiniMax, Groq: jin-bo/agentao#88"),
    # The credit is used up
    Phrase(r"credit balance is too low", QuotaExhausted, "Anthropic: shown by its own clients"),
    Phrase(r"(insufficient|not enough) (account )?(balance|credit|fund)", QuotaExhausted, "continuedev/continue#11443"),
    Phrase(r"balance is (insufficient|too low)", QuotaExhausted, "SiliconFlow: FoundationAgents/OpenManus#438"),
    Phrase(
        r"used (all|up) .{0,20}credit|(no|out of|exhausted .{0,20}) credits?\b|(monthly|hard) (spending|billing) limit",
        QuotaExhausted,
        "xAI: continuedev/continue#10373",
    ),
    Phrase(r"exceeded your monthly included credits", QuotaExhausted, "huggingface/agents-course#386"),
    Phrase(r"requires more credits", QuotaExhausted, "OpenRouter: anomalyco/opencode#12219"),
    Phrase(r"budget has been exceeded", QuotaExhausted, "LiteLLM, without its code: BerriAI/litellm#14144"),
    Phrase(r"quota is not enough|(余额|额度)不足", QuotaExhausted, "one-api, Z.ai: iOfficeAI/AionUi#557"),
    # The key is refused
    Phrase(r"api[ _-]?key (is )?(not valid|invalid|expired)", KeyRefused, "Gemini: can1357/oh-my-pi#449"),
    Phrase(r"(invalid|incorrect|wrong) api[ _-]?key", KeyRefused, "xAI, with 400: continuedev/continue#10778"),
    Phrase(r"no (cookie )?auth credentials", KeyRefused, "OpenRouter: musistudio/claude-code-router#227"),
    # The model is not there
    Phrase(r"not a valid model|invalid model( id| name|:|\.)", ModelNotFound, "OpenRouter: continuedev/continue#10758"),
    Phrase(r"model (does )?not (exist|found)|unknown model", ModelNotFound, "DeepSeek: ConardLi/easy-dataset#9"),
    Phrase(
        r"\bmodel\b.{0,120}(does not exist|not found|no longer available|is not (available|loaded))",
        ModelNotFound,
        "vLLM and Ollama say so beside a 404, gateways before them beside a 400",
    ),
    # Too many requests
    Phrase(r"rate[ -]?limit|too many requests", RateLimited, "OpenRouter: Aider-AI/aider#3550"),
    # The address is none of the API's
    Phrase(r"unexpected endpoint or method", NotConfigured, "LM Studio: lmstudio-ai/lmstudio-bug-tracker#618"),
    Phrase(r"invalid url \(", NotConfigured, "OpenAI: microsoft/TaskWeaver#11"),
    Phrase(r"unknown request url", NotConfigured, "OpenAI: stitionai/devika#456"),
    Phrase(
        r"^(404:? )?(the )?(requested )?(file|page|url|resource|path|endpoint|route)?( was)? ?not found\.?$",
        NotConfigured,
        "FastAPI, llama.cpp, Go's net/http answer so",
    ),
)

_COMPILED = tuple((re.compile(phrase.words), phrase.kind) for phrase in PHRASES)

_REFUSAL = re.compile(
    r"un(known|recogni[sz]ed|supported|expected)|not (supported|permitted|allowed|recogni[sz]ed)"
    r"|extra (inputs?|fields?|_forbidden)|extra_forbidden|additional propert|does not (support|take|accept)|no longer"
    r"|(invalid|bad) (parameter|argument|field|keyword)|deprecated"
)
"""How servers say that they do not know a parameter: vLLM, Fireworks (FlowiseAI/Flowise#2866), Azure
(Pythagora-io/gpt-pilot#1022: "Unrecognized request argument supplied: stream_options"), pydantic."""


def recognise_phrase(message: str) -> type[ProviderError] | None:
    """The error that a vendor's words stand for; None: none that is known."""
    text = " ".join(message[:MAX_PHRASE_CHARS].lower().split())
    return next((kind for words, kind in _COMPILED if words.search(text)), None)


def named_parameter(message: str, sent: Iterable[str]) -> str:
    """Which of the parameters that were sent a refusal in words alone is about; "" if none.

    A name that is also a word of English has to stand where names stand: in quotes, before a colon, or after "field".
    """
    text = message[:MAX_PHRASE_CHARS]
    if not _REFUSAL.search(text.lower()):
        return ""
    places = {found.start(): name for name in sent if (found := re.search(_as_name(name), text))}
    return places[min(places)] if places else ""


def _as_name(name: str) -> str:
    escaped = re.escape(name)
    if "_" in name:
        return rf"(?<![\w-]){escaped}(?![\w-])"
    return (
        rf"[\"'`/]{escaped}[\"'`]|(^|[/.]){escaped}:|(?:parameters?|arguments?|fields?|supplied|inputs?):? {escaped}\b"
    )
