"""What stands under and around an answer, in every tab."""

from __future__ import annotations

FIGURES = (
    '<button type="button" class="figures-switch" title="Speed, tokens and price of all answers"><span '
    'class="show">Figures</span><span class="hide">Hide figures</span></button>'
)
MAX_TOKENS = "max tokens"
SYSTEM_PROMPT = "the system prompt"
EFFORT = "an effort"
BROKEN_OFF = "broken off"
NO_ANSWER = "no answer"
LEFT_OUT = "Later prompts are sent without this one."
STOPPED_EMPTY = "stopped before its first word: later prompts are sent without this one"
CUT_AT_ITS_LIMIT = "cut at its token limit"
CUT_AT_MAX_TOKENS = "cut at max tokens"
ENDED = "ended with: {reason}"
WAITING = "Waiting for {title}"
LOOKING = "Looking for another model"
ASKING = "Asking {title}"
AT_THE_START = "at the start"
AFTER_A_WAIT = ", after a wait of {wait}"
LATENCY = "first token {seconds}"
NO_CHARGE = "no charge expected"
TOOK_OVER = "took over"
WENT_ON = "went on"
ATTACHED_IMAGE = "attached image"
TRY_AGAIN = "Try again"
THINKING = "Thinking…"
REASONING = "Reasoning"
INTERNAL_ERROR = "Something went wrong inside LLM Hub."
INTERNAL_ERROR_HINT = "Its log has the details. Trying again may help."
CHARGED = "{price} charged"
"""A price that the provider itself told."""
PRICE_UNKNOWN = "price unknown"
