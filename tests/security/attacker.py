"""An OpenAI-compatible server that is hostile in its models' names, its answers and its errors.

It sends the prompt's own text back. The model's name tells where the text stands: in the answer (`says`), the reasoning
(`thinks`), the error (`fails`), the answer and an error in its middle (`breaks`), or the model's name (`is-called`).
"""

from __future__ import annotations

from typing import Any

from tests.ui.compatible import Compatible, Exchange

NAME = '<img src=x onerror="window.pwned=1"><b>&lt;$$\\href{javascript:window.pwned=1}{x}$$ [a](javascript:pwned=1)'


class Attacker(Compatible):
    def models(self) -> list[str]:
        return ["says", "thinks", "fails", "breaks", "is-called", NAME, f"\u202e{NAME}"]

    def answer(self, exchange: Exchange, body: dict[str, Any], text: str) -> None:
        match body["model"]:
            case "fails":
                exchange.reply(400, {"error": {"message": text, "code": text[:200], "type": text[:200]}})
            case "thinks":
                exchange.stream("Done.", model="attacker", reasoning=text)
            case "breaks":
                exchange.stream(text, model="attacker", error={"message": text})
            case "is-called":
                exchange.stream("Done.", model=text)
            case _:
                exchange.stream(text, model="attacker")
