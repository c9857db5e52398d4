"""What vendors say where they give no code: a short table of phrases, each with its source.

It is consulted where neither a code nor the status decides. A message may quote the prompt, so that a phrase is a
guess: every kind in the table falls back to the next target, and a guess never puts a target on hold until a person
ends that (see `error_from_reply`). A wrong guess costs an attempt, never an answer. Only the two sentences that reject
a content do not fall back: a message must begin with them.
"""

# ruff: noqa: E501  # a table reads better in rows

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from llm_hub.errors import (
    ContentRejected,
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

    `source` is the vendor's documentation, or the public report that quotes the words.
    """

    words: str
    kind: type[ProviderError]
    source: str


PHRASES = (
    # The content is rejected
    Phrase(r"^(output|request) blocked by content filter", ContentRejected, "Anthropic: anthropics/claude-code#4379"),
    Phrase(r"^your request was rejected as a result of our safety system", ContentRejected, "OpenAI: platform.openai.com/docs/guides/images"),
    # The prompt is too long
    Phrase(r"maximum (context|prompt|sequence) length", PromptTooLong, "vLLM, xAI, OpenRouter: earendil-works/pi#5929"),
    Phrase(r"prompt (is )?too long|input is too long", PromptTooLong, "Anthropic, Ollama, Bedrock: earendil-works/pi#129"),
    Phrase(r"exceeds? (the |this )?(available |model'?s? )?context (window|size|limit|length)", PromptTooLong,
           "OpenAI, llama.cpp, SGLang: openclaw/openclaw#20539"),
    Phrase(r"longer than the model'?s context length|greater than the context length", PromptTooLong,
           "Together, LM Studio: jin-bo/agentao#88"),
    Phrase(r"(token count|tokens?|input length).{0,60}(exceeds?|longer than).{0,20}(maximum|max_seq_len|limit of \d)",
           PromptTooLong, "Gemini, Poolside, GitHub: earendil-works/pi#4943"),
    Phrase(r"inputs?`? tokens? \+ `?max_new_tokens|must have less than \d+ tokens", PromptTooLong,
           "huggingface/text-generation-inference, router/src/validation.rs"),
    Phrase(r"too large for model with \d+ maximum|exceeded model token limit|context window exceeds limit", PromptTooLong,
           "Mistral, Kimi, MiniMax: archestra-ai/archestra#6044"),
    Phrase(r"reduce the length of the (messages|prompt|input)|range of input length should be", PromptTooLong,
           "Groq, DashScope: jin-bo/agentao#88"),
    # The credit is used up
    Phrase(r"credit balance is too low|(insufficient|not enough) (account )?(balance|credits?|funds?)", QuotaExhausted,
           "Anthropic, DeepSeek, Kimi: continuedev/continue#11443"),
    Phrase(r"balance is (insufficient|too low)|余额不足", QuotaExhausted,
           "SiliconFlow: FoundationAgents/OpenManus#438; Zhipu: chatanywhere/GPT_API_free#495"),
    Phrase(r"used (all|up) .{0,20}credits?|(no|out of|exhausted .{0,20}) credits?( left)?\b|(monthly|hard) (spending|spend|billing) limit",
           QuotaExhausted, "xAI: continuedev/continue#10373"),
    Phrase(r"exceeded your monthly included credits|requires more credits", QuotaExhausted,
           "Hugging Face, OpenRouter: openrouter.ai/docs/api-reference/errors"),
    # The key is refused
    Phrase(r"api[ _-]?key (is )?(not valid|invalid|expired|not found)|(invalid|incorrect|wrong) api[ _-]?key", KeyRefused,
           "Gemini: can1357/oh-my-pi#449; xAI answers 400: docs.x.ai/docs/key-information/debugging"),
    Phrase(r"not authenticated|no auth credentials|invalid (authentication|auth token|bearer token|credentials)|^unauthorized",
           KeyRefused, "FastAPI's HTTPBearer, OpenRouter, Hugging Face"),
    # The model is not there
    Phrase(r"not a valid model( id)?|invalid model( id|:| name)|unknown model|model not (exist|found)", ModelNotFound,
           "OpenRouter: continuedev/continue#10758; Mistral, DeepSeek"),
    Phrase(r"\bmodel\b.{0,120}(does not exist|not found|is not (available|supported|loaded)|no longer available)",
           ModelNotFound, "vLLM, Ollama, Hugging Face: maxnowack/anthropic-proxy#4"),
    # Too many requests
    Phrase(r"rate[ -]?limit|too many requests|throttl", RateLimited, "OpenRouter: digiogithub/pando#8"),
    # The address is none of the API
    Phrase(r"unexpected endpoint or method|invalid url \(|cannot (post|get) /|no route matched|unknown (request url|endpoint)",
           NotConfigured, "LM Studio: lmstudio-ai/lmstudio-bug-tracker#618; OpenAI, Express, Kong"),
    Phrase(r"^(404:? )?(the )?(requested )?(file|page|url|resource|path|endpoint|route)?( was)? ?not found\.?$|404 page not found",
           NotConfigured, "llama.cpp, FastAPI, Azure, Go's net/http: lmstudio-ai/lmstudio-bug-tracker#618"),
)  # fmt: skip

_COMPILED = tuple((re.compile(phrase.words), phrase.kind) for phrase in PHRASES)

_REFUSAL = re.compile(
    r"un(known|recogni[sz]ed|supported|expected)|not (supported|permitted|allowed|recogni[sz]ed|a valid (field|parameter))"
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
    """Which of the parameters that were sent a refusal in words alone is about; "" if none."""
    text = message[:MAX_PHRASE_CHARS]
    if not _REFUSAL.search(text.lower()):
        return ""
    places = {found.start(): name for name in sent if (found := re.search(rf"(?<![\w-]){name}(?![\w-])", text))}
    return places[min(places)] if places else ""
