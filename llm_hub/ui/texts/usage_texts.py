"""The texts of the Usage tab."""

from __future__ import annotations

ALL_TIME = "All time"
TODAY = "Today"
NOTHING = """<div class="welcome"><h2>No requests yet</h2><p>Every request from this page and over the API is counted
here: who asked, which model answered, the tokens and the price. What was said is not kept here.</p></div>"""
LOCAL_ONLY = """<div class="problem" role="alert">This tab works only in a browser on the hub's own computer. Over
the API, <code>GET /v1/usage</code> tells each key what it used, and a key named <code>owner</code> everything.</div>"""
PROGRAMS = "programs on this computer"
THIS_PAGE = "this page"
VISITORS = "visitors, with keys of their own"
PERIOD = "Period"
REFRESH = "Refresh"
ASKED_BY = "asked by"
TOKENS_IN = "tokens in"
TOKENS_OUT = "tokens out"
ALL_ANSWERED = "all answered"
REQUESTS_A_DAY = "Requests a day"
TOKENS_A_DAY = "Tokens a day"
DOLLARS_A_DAY = "Dollars a day"
CHECKS = "Background checks"
RESERVED = """{} more count for today's limits: reserved by requests that are running or were cut off when the hub was
killed, or estimated for answers that broke off."""
OTHER_MODELS = """“other” stands for models that did not answer and are on no list: what was typed as their names is not
kept."""
