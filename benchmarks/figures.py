"""The figures of the documentation, where they are kept, and how they are written there.

`figures.json` has, by the benchmark's name, what `benchmarks.record` measured last, with date, commit and machine. In
the documentation its tables stand between `<!-- figures: NAME -->` and `<!-- end of figures -->`: `fill` writes them,
and tests/test_figures.py holds that they are those of the file.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HERE = Path(__file__).parent.parent
FILE = Path(__file__).parent / "figures.json"
DOCUMENTS = (HERE / "docs" / "speed.md", HERE / "docs" / "deployment.md")
PEERS = {"LLM Hub, OpenAI": "LLM Hub", "ferrogw": "ferrogw", "Portkey": "Portkey", "LiteLLM": "LiteLLM"}
"""The columns of the table of gateways, and their headings."""

_BLOCK = re.compile(r"(?<=<!-- figures: )(\w+)( -->\n)(.*?)(?=<!-- end of figures -->)", re.DOTALL)


def publish(figures: Mapping[str, Any]) -> None:
    """Prints what a benchmark measured. `--json PATH` on the command line writes it there as well."""
    print(json.dumps(figures, indent=1))
    if "--json" in sys.argv:
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(figures))


def load() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(FILE.read_text())
    return recorded


def fill(text: str, recorded: Mapping[str, Any]) -> str:
    """A document with the tables of what was recorded in their places."""

    def table(block: re.Match[str]) -> str:
        name = block[1]
        return f"{name}{block[2]}{_block(name, recorded[name])}\n" if name in recorded else block[0]

    return _BLOCK.sub(table, text)


def _block(name: str, run: Mapping[str, Any]) -> str:
    machine = run["machine"]
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"
    load = f"load of the machine before {run['load_before']}"
    versions = ", ".join(f"{program} {version}" for program, version in run["versions"].items())
    origin = f"`benchmarks/{name}.py` on {run['date']} at {run['commit']}: {where}; {load}; {versions}."
    missing = run["figures"].get("missing")
    absent = f" Not measured, since they are not installed: {', '.join(missing)}." if missing else ""
    return f"{_TABLES[name](run['figures'])}\n\n{origin}{absent}\n"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


def _gateways(figures: Mapping[str, Any]) -> str:
    measured, direct = figures["gateways"], figures["gateways"]["directly"]
    columns = {name: measured[name] for name in PEERS if name in measured}
    ours = columns["LLM Hub, OpenAI"]
    rows: list[tuple[str, Callable[[Mapping[str, float]], str]]] = [
        ("processor time of a call, 50 connections", lambda row: f"{row['cpu_call'] / 1e3:.2f} ms"),
        ("calls that a core has time for, against LLM Hub", lambda row: f"{ours['cpu_call'] / row['cpu_call']:.2f}"),
        ("calls a second in this run", lambda row: f"{row['requests']:.0f}"),
        ("added to a call, at the median: one connection", lambda row: f"{row['call'] - direct['call']:.1f} ms"),
        (
            "the same, 50 connections with 200 calls a second",
            lambda row: f"{row['loaded_call'] - direct['loaded_call']:.1f} ms",
        ),
        ("added to a stream's first word", lambda row: f"{row['first_word'] - direct['first_word']:.1f} ms"),
        ("processor time of a token that comes alone", lambda row: f"{row['cpu_paced_token']:.0f} µs"),
        ("of one that comes with others", lambda row: f"{row['cpu_token']:.1f} µs"),
        ("memory at rest", lambda row: f"{row['memory']:.0f} MB"),
    ]
    heading = ["", *(PEERS[name] for name in columns)]
    table = _table(heading, [[title, *map(show, columns.values())] for title, show in rows])
    claude, gradio = measured["LLM Hub, Claude"], figures["gradio_memory"]
    return (
        f"{table}\n\nFrom Anthropic's client to Anthropic a call takes {claude['cpu_call'] / 1e3:.2f} ms, a token that "
        f"comes alone {claude['cpu_paced_token']:.0f} µs.\nOf the hub's memory {gradio:.0f} MB are Gradio's own."
    )


def _adapters(figures: Mapping[str, Any]) -> str:
    modes = [*figures]
    rows = [[name, *(_microseconds(figures[mode][name]) for mode in modes)] for name in figures[modes[0]]]
    return _table(["processor time of a token", *modes], rows)


def _microseconds(value: float) -> str:
    return f"{value:.0f} µs" if value >= 10 else f"{value:.1f} µs"


def _router(figures: Mapping[str, Any]) -> str:
    rows = [
        ["a request", *(f"{figures[name]:.0f} µs" for name in ("request_direct", "request_added"))],
        ["an event", *(f"{figures[name]:.2f} µs" for name in ("event_direct", "event_added"))],
    ]
    return _table(["processor time, from memory", "of a provider", "added by the router"], rows)


def _two_cores(figures: Mapping[str, Any]) -> str:
    one, two, times = figures["one"], figures["two"], figures["times"]
    rows = [
        ["processor time of a request, of the hub and of Redis", f"{one['cpu']:.2f} ms", f"{two['cpu']:.2f} ms"],
        [
            "so many times as much as one core answers",
            "1",
            f"{times['median']:.2f} ({times['least']:.2f} to {times['most']:.2f} in the turns)",
        ],
        [
            "requests a second, with provider and clients on the same cores",
            f"{one['requests']:,.0f}",
            f"{two['requests']:,.0f}",
        ],
        [
            "memory of a hub that has not loaded the embedded model",
            f"{figures['memory']:.0f} MB",
            f"{figures['memory']:.0f} MB each",
        ],
    ]
    return _table(["", "one hub", "two hubs"], rows)


def _conversations(figures: Mapping[str, Any]) -> str:
    turns, store, browser_store = figures["turns"], figures["store"], figures["browser_store"]
    rows = {
        "from Enter to the first word on the screen": "first_word",
        "from Enter to the end of an answer that takes its provider 0.2": "end",
        "behind a provider of 2,000 tokens a second": "behind",
        "the same, at 95 %": "behind_95",
        "the same, at most": "behind_most",
    }
    table = _table(
        ["seconds, at the median", *(f"turn {number}" for number in turns)],
        [[title, *(f"{turn[name]:.2f}" for turn in turns.values())] for title, name in rows.items()],
    )
    (_, usual), (most_turns, long) = figures["opening"].items()
    return (
        f"{table}\n\nFrom a click in the list until a conversation is on the screen: {usual:.2f}, with {most_turns} "
        f"turns {long:.2f}, out of a visitor's\nIndexedDB {browser_store['opening']:.2f}. The list takes "
        f"{store['the list']['median']:.3f}, and a search of all texts {store['a search in vain']['median']:.2f}, in "
        f"IndexedDB {browser_store['search']:.2f}."
    )


def _compare(figures: Mapping[str, Any]) -> str:
    heading = [f"{figures['rate']} tokens a second for each of four panes", "median", "95 %", "most"]
    behind = [f"{figures[name]:.2f} s" for name in ("behind", "behind_95", "behind_most")]
    return _table(heading, [["the page is behind by", *behind]])


def _page(figures: Mapping[str, Any]) -> str:
    heading = ["", "typed in after", "requests until then", "the page", "all that is sent"]
    rows = [
        [name, f"{load['seconds']:.2f} s", f"{load['requests']:.0f}", f"{load['page']:.0f} kB", f"{load['all']:.0f} kB"]
        for name, load in figures.items()
    ]
    return _table(heading, rows)


_TABLES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "gateways": _gateways,
    "adapters": _adapters,
    "router": _router,
    "two_cores": _two_cores,
    "conversations": _conversations,
    "compare": _compare,
    "page": _page,
}
