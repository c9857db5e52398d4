"""`llm-hub run`, as somebody types it: the exit codes, the words, a kill -9 and what follows it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llm_hub.serving.run_command import main
from tests.fault_server.thread import FaultServerThread
from tests.runs.hubs import settings_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.fault_server.log import Exchange

CELLS = 160
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a set of two prompts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set.csv").write_text("prompt,answer\nOne?,nuce\nTwo?,nowhere\n")
    return tmp_path


def use(folder: Path, server: FaultServerThread, more: str = "") -> None:
    (folder / ".env").write_text(settings_text(server.fault_server) + more)


def test_a_run_from_a_table_to_its_reports(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FaultServerThread() as server:
        use(folder, server)
        words = "set.csv --targets cheap/ok,dear/ok --repeats 2 --check contains:{{answer}} --max-usd 2 --max-tokens 90"
        reports = "--out r.html --out r.md --out r.csv --out r.json --min-pass 0.5"
        assert main([*words.split(), *reports.split()]) == 0
        printed = capsys.readouterr()
        assert re.search(r"^cheap/ok +50\.0% +[\d.]+% to [\d.]+% +4 ", printed.out, re.MULTILINE)
        assert "cheap/ok and dear/ok cannot be told apart with 2 rows" in printed.out
        assert "8 of 8 requests are left" in printed.err
        assert "  dear/ok: 4 requests, the price cannot be known" in printed.err
        document = json.loads((folder / "r.json").read_text())
        assert [cell["passed"] for cell in document["cells"]] == [True, True, False, False] * 2
        assert document["columns"][0]["usd"] == "0.000176"
        assert len((folder / "r.csv").read_text().splitlines()) == 9
        assert "contains:{{answer}}" in (folder / "r.html").read_text()
        assert main(["--resume", "last", "--min-pass", "0.6"]) == 1
        assert "cheap/ok: 50.0% is below 60.0%" in capsys.readouterr().err
        assert main(["--list"]) == 0
        listed = capsys.readouterr().out
        assert "8/8  set.csv" in listed
        assert main(["--delete", listed.split()[0]]) == 0
        assert main(["--list"]) == 0
        assert capsys.readouterr().out == ""
        assert len(server.exchanges) == 8


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("", "needs a file of prompts"),
        ("none.csv --targets cheap/ok", "none.csv cannot be read"),
        ("set.csv --targets openai/gpt-6-luna", "openai needs a key: set OPENAI_API_KEY"),
        ("set.csv --targets nobody/x", "There is no provider nobody"),
        ("set.csv --targets chaos --template {{town}}", "no column 'town'"),
        ("set.csv --targets chaos --check foo:bar", "is no check"),
        ("set.csv --targets chaos --min-pass 0.5", "--min-pass needs a check"),
        ("set.csv --targets chaos --judge chaos", "2 to 36 targets or variants that a judge compares"),
        ("set.csv --targets chaos --concurrency 0", "--concurrency is 1 to 50"),
        ("--resume none", "There is no run none"),
        ("set.csv --targets chaos --hub http://127.0.0.1:1", "The hub at http://127.0.0.1:1 does not answer"),
        ("set.csv --targets chaos --hub http://127.0.0.1:1 --hub-key-file none", "none cannot be read"),
    ],
)
def test_what_cannot_be_used_ends_with_code_2_and_asks_nobody(
    words: str, problem: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".env").write_text("LLM_HUB_CHAOS=true\n")
    assert main(words.split()) == 2
    assert problem in capsys.readouterr().err
    assert not (folder / "llm-hub.db").exists()


def test_a_judge_is_asked_by_its_rubric(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FaultServerThread() as server:
        use(folder, server)
        words = "set.csv --targets cheap/ok,dear/ok?tokens=9 --judge cheap/ok?as=judge --rubric Long? --rubric Dear?"
        assert main(words.split()) == 0
        assert len(server.exchanges) == 4 + 4
        assert "- Long?\n- Dear?" in server.exchanges[-1].body["messages"][-1]["content"]
    printed = capsys.readouterr()
    assert "cheap/ok?as=judge as judge: up to 4 requests" in printed.err
    assert "The judge, cheap/ok?as=judge, is asked 4 times." in printed.err
    assert "cheap/ok better 2, dear/ok?tokens=9 better 0, alike 0 (p = 0.5); they cannot be told apart." in printed.out


def test_a_set_is_run_again_and_compared_with_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "set.csv").write_text("prompt,answer\n" + "\n".join(f"Prompt {row}?,nuce" for row in range(8)))
    words = ["set.csv", "--targets", "cheap/ok", "--check", "contains:{{answer}}"]
    with FaultServerThread() as server:
        use(folder, server)
        assert main(words) == 0
        assert main(["--again", "last", "--fail-if-worse"]) == 0
        assert len(server.exchanges) == 16
        told = capsys.readouterr().out
        assert re.search(r"Compared with the run \S+\ncheap/ok, 8 rows: passed 100.0% → 100.0%, the same;", told)
        worse = [*words, "--check", "contains:nowhere", "--compare-with", "last"]
        assert main(worse) == 0, "both runs are judged by the checks of now"
        assert main([*words[:2], "dear/ok", "--compare-with", "last"]) == 2
        assert "no prompt and target in common" in capsys.readouterr().err
        with closing(sqlite3.connect(folder / "llm-hub.db")) as database, database:
            database.execute("update run_cells set document = replace(document, 'nuce', 'once')")
        assert main([*words[:3], "--check", "contains:once", "--compare-with", "last", "--fail-if-worse"]) == 1
        assert "passed 100.0% → 0.0%, changed: more in 0 rows, fewer in 8 (p = 0.023)" in capsys.readouterr().out
        assert main(["--list"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 4


def test_a_dry_run_says_what_it_would_be_and_asks_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text("OPENAI_API_KEY=key\nANTHROPIC_API_KEY=key\nLLM_HUB_CHAOS=true\n")
    targets = "openai/gpt-4o-mini,anthropic/claude-haiku-4-5,chaos"
    assert main(["set.csv", "--dry-run", "--targets", targets, "--max-tokens", "1000", "--repeats", "3"]) == 0
    told = capsys.readouterr().err
    assert re.search(
        r"openai/gpt-4o-mini: 6 requests, about \d+ tokens of prompts, under \$0\.0001 to \$0\.00\d\d", told
    )
    assert "anthropic/claude-haiku-4-5: 6 requests, the price cannot be known" in told
    assert "chaos/steady: 6 requests, free" in told
    assert not (folder / "llm-hub.db").exists()


@pytest.mark.server
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.survival)])
def test_killed_at_random_moments_it_goes_on_where_it_was(folder: Path, kills: int) -> None:
    chance = random.Random(17)
    (folder / "set.txt").write_text("\n".join(f"prompt {number}" for number in range(CELLS)))
    with FaultServerThread() as server, forked_commands(folder) as run:
        use(folder, server)
        words = "set.txt --targets cheap/ok --concurrency 2"
        for _ in range(kills):
            written, before = written_prompts(folder), len(server.exchanges)
            run(words, kill=partial(wait_for_answers, server, before + chance.randint(1, 7), chance.random() / 50))
            words = "--resume last --concurrency 2"
            assert written.isdisjoint(prompts_of(server.exchanges[before:])), "what was written is not asked again"
        assert 0 < len(written_prompts(folder)) < CELLS
        assert run("--resume last --out r.json") == 0
        asked = Counter(prompts_of(server.exchanges))
    assert len(asked) == CELLS
    assert asked.total() <= CELLS + kills * 2, "only what was being answered when it was killed is asked again"
    document = json.loads((folder / "r.json").read_text())
    assert [cell["outcome"] for cell in document["cells"]] == ["answered"] * CELLS


def prompts_of(exchanges: Iterable[Exchange]) -> list[str]:
    return [each.body["messages"][-1]["content"] for each in exchanges]


def written_prompts(folder: Path) -> set[str]:
    """The prompts whose answers are in the database."""
    if not (folder / "llm-hub.db").exists():
        return set()
    with closing(sqlite3.connect(folder / "llm-hub.db")) as database:
        return {f"prompt {number}" for (number,) in database.execute("select number from run_cells")}


def wait_for_answers(server: FaultServerThread, count: int, seconds: float) -> None:
    """Waits for that many answers, and a moment more."""
    server.wait_for(lambda seen: sum(each.finished for each in seen) >= count)
    time.sleep(seconds)


@contextmanager
def forked_commands(folder: Path) -> Iterator[Callable[..., int]]:
    """Runs `llm-hub run` with these words in a process, which is killed when `kill` returns. Gives its status."""
    command = [sys.executable, "-m", "tests.runs.forked_commands"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as forks:  # fmt: skip
        assert forks.stdin is not None
        assert forks.stdout is not None
        stdin, stdout = forks.stdin, forks.stdout

        def run(words: str, *, kill: Callable[[], None] | None = None) -> int:
            stdin.write(f"{words}\n")
            stdin.flush()
            child = int(stdout.readline())
            if kill is not None:
                kill()
                os.kill(child, signal.SIGKILL)
            return int(next(line for line in stdout if line.startswith("status ")).split()[1])

        yield run
        stdin.close()


def test_a_signal_lets_answers_end_and_the_run_goes_on_later(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "set.txt").write_text("\n".join(f"prompt {number}" for number in range(30)))

    def interrupt(server: FaultServerThread) -> None:
        server.next_exchange(3)
        os.kill(os.getpid(), signal.SIGINT)
        server.limit(None)

    with FaultServerThread() as server:
        use(folder, server)
        server.limit(5)
        thread = threading.Thread(target=interrupt, args=(server,))
        thread.start()
        assert main(["set.txt", "--targets", "cheap/ok", "--concurrency", "3"]) == 1
        thread.join()
        told = capsys.readouterr().err
        assert "It goes on with: llm-hub run --resume" in told
        assert main(["--resume", "last"]) == 0
        assert len(server.exchanges) == 30


def test_without_a_history_nothing_of_a_run_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FaultServerThread() as server:
        use(folder, server, "LLM_HUB_HISTORY=off\n")
        assert main(["set.csv", "--targets", "cheap/ok"]) == 0
        assert "2 of 2 cells" in capsys.readouterr().out
        assert main(["--list"]) == 0
        assert capsys.readouterr().out == ""
    assert b"One?" not in (folder / "llm-hub.db").read_bytes()


@pytest.mark.server
def test_the_hub_starts_without_the_runs() -> None:
    code = "import sys, llm_hub.serving.application; print(*[name for name in sys.modules if 'llm_hub.runs' in name])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []
