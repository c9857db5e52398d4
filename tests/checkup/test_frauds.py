"""Frauds and honest twins at the fault server, each beside the honest reference."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from llm_hub.__main__ import main
from llm_hub.checkup.checkup import MAX_REQUESTS, check_up
from llm_hub.gateway.gateway import Gateway
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.fault_server import FaultServerThread

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServer

HONEST = "ok?as=planted&rate=150"
FRAUDS = {
    f"{HONEST}&mind=b": "answers",
    f"{HONEST}&mind=b&share=0.4": "answers",
    f"{HONEST}&retry=b": "answers",
    f"{HONEST}&broken=0.15": "tools' arguments",
    f"{HONEST}&window=8000": "window",
    f"{HONEST}&overcount=1.3": "tokens counted",
    f"{HONEST}&stop=ignored": "stop",
    f"{HONEST}&cached=0.8": "cached tokens",
    "one-read?as=planted&rate=150": "streaming",
}
"""Each with the probe that finds it, and no other."""
TWINS = (
    f"{HONEST}&template=9",
    f"{HONEST}&remembers=1",
    f"{HONEST}&forgetful=1",
    "ok?as=planted&rate=120&burst=4",
)
WINDOW = 20_000


def env_of(fault_server: FaultServer, folder: Path, more: str = "") -> Path:
    path = folder / ".env"
    path.write_text(f"OPENAI_API_KEY=sk-x\nOPENAI_BASE_URL={fault_server.openai_url}\n{more}")
    return path


@pytest.mark.timeout(600)  # seconds of arithmetic, of which a busy machine makes minutes
async def test_frauds_are_found_and_twins_are_not_accused(fault_server: FaultServer, tmp_path: Path) -> None:
    hub = Hub(Settings.load(env_of(fault_server, tmp_path, "LLM_HUB_MAX_RETRIES=0\n")))
    gateway = Gateway(hub)
    targets = [f"openai/{model}" for model in (*FRAUDS, *TWINS)]
    try:
        caller = gateway.program("local", "checkup")
        cards = await check_up(gateway, caller, f"openai/{HONEST}", targets, window=WINDOW, seed=1)
    finally:
        await hub.aclose()
    found = {
        card.target.removeprefix("openai/"): [
            finding.probe for finding in card.findings if finding.verdict == "differs"
        ]
        for card in cards[1:]
    }
    assert found == {**{model: [probe] for model, probe in FRAUDS.items()}, **{model: [] for model in TWINS}}
    assert [card.verdict for card in cards[1:]] == ["differs"] * len(FRAUDS) + ["same"] * len(TWINS)
    requests = Counter(exchange.model for exchange in fault_server.exchanges if exchange.method == "POST")
    assert set(requests.values()) == {MAX_REQUESTS}
    assert {card.figures.requests for card in cards} == {MAX_REQUESTS}


def test_the_command_prints_cards_and_its_exit_code_says_whether_any_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    reference, twin, fraud = (f"openai/ok?as=planted{more}" for more in ("", "&template=9", "&cached=0.8"))

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["checkup", *arguments, "--seed", "1", "--window", "2000"])
        return int(str(ended.value.code))

    with FaultServerThread() as thread:
        env_of(thread.fault_server, tmp_path)
        assert run(reference, twin) == 0
        assert f"{twin}: the same, compared with {reference}" in capsys.readouterr().out
        assert run(reference, fraud, "--format", "json", "--out", "cards.json") == 1
        assert len(thread.fault_server.exchanges) == 4 * MAX_REQUESTS
        assert run(reference, "nowhere/model") == 2
        assert "names no provider" in capsys.readouterr().err
        assert run("--last", "--format", "route") == 1  # the last one, and nobody is asked
        assert capsys.readouterr().out == f"LLM_HUB_ROUTE={reference}\n"
        assert run("--again", "--requests", "3", "--format", "markdown") == 0
        assert f"{fraud}`: cannot tell at this sample size" in capsys.readouterr().out
        assert len(thread.fault_server.exchanges) == 4 * MAX_REQUESTS + 2 * 3
        assert run("--again", reference, twin) == run() == run(reference) == 2
    cards = json.loads((tmp_path / "cards.json").read_text())
    assert [card["verdict"] for card in cards] == ["same", "differs"]
    evidence = {finding["probe"]: finding["evidence"] for finding in cards[1]["findings"]}
    assert any("sent first" in line for line in evidence["cached tokens"])
