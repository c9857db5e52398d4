"""The task that an agent has to finish: read a file, edit it, run a command, and say that it is done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fault_server.scripted import Turn, script
from tests.fault_server.text import word

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = 60
"""Words that the model says before each call: the middle of its turn is then in its text, not in the call."""


@dataclass(frozen=True, slots=True)
class Task:
    """The files of one task, in a folder of its own."""

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> Task:
        """A task whose file waits to be edited."""
        folder.mkdir()
        task = cls(folder)
        task.note.write_text("This is to do.\n")
        return task

    @property
    def note(self) -> Path:
        return self.folder / "note.txt"

    @property
    def runs(self) -> Path:
        """What the command appends a line to each time that it is run."""
        return self.folder / "runs.txt"

    @property
    def command(self) -> str:
        return f"echo run >> {self.runs}"

    def prompt(self, calls: Sequence[tuple[str, dict[str, str]]]) -> str:
        """What the agent is asked to do. The calls of tools are in the agent's own words, the last is `command`."""
        *texts, last = model_texts()
        turns = [Turn(text, tool, arguments) for text, (tool, arguments) in zip(texts, calls, strict=True)]
        return f"Please do this. {script([*turns, Turn(last)])}"

    def check(self) -> None:
        """Raises `AssertionError` unless each step was done once."""
        assert self.note.read_text() == "This is done.\n"
        assert self.runs.read_text() == "run\n"


def model_texts() -> list[str]:
    """What the model says in each of its turns. No two words are the same, so that a lost or repeated one is seen."""
    return [" ".join(word(number) for number in range(turn * WORDS, (turn + 1) * WORDS)) for turn in range(4)]


def claude_prompt(task: Task) -> str:
    """The task with the tools of Claude Code."""
    return task.prompt([
        ("Read", {"file_path": str(task.note)}),
        ("Edit", {"file_path": str(task.note), "old_string": "to do", "new_string": "done"}),
        ("Bash", {"command": task.command, "description": "Runs the command"}),
    ])  # fmt: skip


def codex_prompt(task: Task) -> str:
    """The task with the tools of Codex, which does everything in a shell."""
    return task.prompt([("exec_command", {"cmd": command}) for command in _shell_commands(task)])


def codex_script_prompt(task: Task) -> str:
    """The task with the tools that Codex has for OpenAI's newest models: they write programs that call others.

    It names those tools in the conversation. The programs are text: to a model of another vendor that is a function.
    """
    programs = (f"text(await tools.exec_command({{cmd: {json.dumps(cmd)}}}))" for cmd in _shell_commands(task))
    return task.prompt([("functions__exec", {"input": program}) for program in programs])


def _shell_commands(task: Task) -> tuple[str, str, str]:
    return f"cat {task.note}", f"sed -i 's/to do/done/' {task.note}", task.command


def claude_texts(output: str) -> list[str]:
    """What Claude Code shows of the model, in `--output-format stream-json`."""
    lines = [json.loads(line) for line in output.splitlines()]
    blocks = [block for line in lines if line["type"] == "assistant" for block in line["message"]["content"]]
    return [block["text"] for block in blocks if block["type"] == "text"]


def codex_texts(output: str) -> list[str]:
    """What Codex shows of the model, with `--json`."""
    items = [line["item"] for line in map(json.loads, output.splitlines()) if line["type"] == "item.completed"]
    return [item["text"] for item in items if item["type"] == "agent_message"]
