"""The texts of the Leaderboard tab."""

from __future__ import annotations

ALL_TIME = "All time"
NO_VOTES = """<div class="welcome"><h2>No votes yet</h2><p>Compare models with <b>Blind</b> ticked, and vote for the
better answer. The ratings come from these votes.</p></div>"""
SCALE = """<p class="scale">Bradley-Terry ratings with 95 % intervals: 1000 is the average of these models, 400 points
are odds of ten to one. Where intervals overlap, the votes do not yet say who is better. A tie changes no rating, and
“all are bad” is a tie.</p>"""
PERIOD = "Period of the votes"
REFRESH = "Refresh"
SAVE_CSV = "Save CSV"
