"""The texts of the Status tab."""

from __future__ import annotations

NOTHING_YET = (
    '<p class="nothing">Nothing has been asked yet. Ask something in Chat; then you see here how fast '
    "every model answers, what failed, what is paused, and how the last 24 hours went.</p>"
)
TEST = "Test"
TEST_FAILED = "the test failed"
NOT_ASKED = "not asked yet"
NOT_ASKED_SINCE_START = "not asked since the start"
NOT_RUNNING = "not running here"
LAST_FAILED = "the last attempt failed"
PAUSED_FOR_LONG = "paused until the problem is solved"
PAUSED_UNTIL_ASKED = "paused; the next request finds out whether it is back"
ASK_NOW = "Let {title} be asked now"
TRY_NOW = "Try now"
LAST_DAY = "Last 24 hours"
THIS_HOUR = "This hour"
HOURS_AGO = "{hours} ago"
NOT_ASKED_THEN = "not asked"
LATENCY = "first token {seconds}"
WHOLE_ANSWER = "whole answer {seconds}"
NO_ANSWER = "It did not answer within {max_probe_seconds:.0f} s."
