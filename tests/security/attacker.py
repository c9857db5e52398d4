"""An OpenAI-compatible server whose every word is hostile: its models' names, its answers, its errors.

What it says is the prompt's own text; the model's name says where: `says`, `thinks`, `fails`, `breaks`, `is-called`.
"""

from __future__ import annotations

from typing import Any

from tests.ui.compatible import Compatible, Exchange

NAME = '<img src=x onerror="window.pwned=1"><b>&lt;$$\\href{javascript:window.pwned=1}{x}$$ [a](javascript:pwned=1)'


class Attacker(Compatible):
    def models(self) -> list[str]:
        return ["says", "thinks", "fails", "breaks", "is-called", NAME, f"\u202e{NAME}"]

    def answer(self, exchange: Exchange, body: dict[str, Any], said: str) -> None:
        match body["model"]:
            case "fails":
                exchange.reply(400, {"error": {"message": said, "code": said[:200], "type": said[:200]}})
            case "thinks":
                exchange.stream("Done.", model="villain", reasoning=said)
            case "breaks":
                exchange.stream(said, model="villain", error={"message": said})
            case "is-called":
                exchange.stream("Done.", model=said)
            case _:
                exchange.stream(said, model="villain")
