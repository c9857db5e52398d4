"""The title, the header and the names of the tabs."""

from __future__ import annotations

HEADER = """<header><h1>LLM Hub</h1><p>One chat for every model. It shows who answered.</p>
<button type="button" class="shortcuts" aria-label="Keyboard shortcuts" title="Keyboard shortcuts">?</button>
</header>"""
TITLE = "LLM Hub"
CHAT = "Chat"
COMPARE = "Compare"
RUNS = "Runs"
LEADERBOARD = "Leaderboard"
STATUS = "Status"
USAGE = "Usage"
KEYS = "Keys"
