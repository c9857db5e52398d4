"""What the readers of PDF and DOCX raise."""

from __future__ import annotations


class Unreadable(Exception):
    """Why a file cannot be read: the end of a sentence that begins with its name, and what helps."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
