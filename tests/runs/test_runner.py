"""Runs on the wire: what the fault server saw is what a run counted, whatever went wrong meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.runs.run_figures import find_figures
from llm_hub.runs.running_hub import RunningHub
from llm_hub.ui.render.run_report import RunReport, describe_summary, figure_rows
from llm_hub.usage.prices import Prices
from tests.fault_server import FaultServer
from tests.fault_server.log import Exchange
from tests.runs.hubs import RUN, open_hub

RATES = {"cheap": (1, 2), "dear": (30, 150), "anthropic": (3, 15), "ollama": (0, 0)}
"""US dollars for a million tokens of the prompt, and of the answer."""
TARGETS = "cheap/ok?tokens=3 dear/ok?tokens=5 anthropic/ok?tokens=4 ollama/ok?tokens=6"


def provider(exchange: Exchange) -> str:
    if exchange.protocol == "openai":
        return exchange.headers["authorization"].removeprefix("Bearer key-")
    return exchange.protocol


def prompt(exchange: Exchange) -> str:
    content = exchange.body["messages"][-1]["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def asked(fault_server: FaultServer) -> list[Exchange]:
    return [
        exchange for exchange in fault_server.exchanges if exchange.method == "POST" and exchange.body.get("messages")
    ]


def bill(exchanges: list[Exchange], name: str) -> Decimal:
    """What the fault server would take for its answers to one provider, in dollars."""
    paid = [each for each in exchanges if provider(each) == name and each.status == 200]
    read, written = RATES[name]
    return (
        sum((Decimal((len(prompt(each).split()) + 3) * read + each.tokens_sent * written) for each in paid), Decimal(0))
        / 10**6
    )


over_api = pytest.mark.parametrize("over_api", [False, True], ids=["in_process", "over_api"])


@pytest.mark.parametrize(("prompts", "over_api"), [(100, False), (15, True)], ids=["in_process", "over_api"])
async def test_requests_tokens_and_price_of_a_large_run_are_those_of_the_server(
    prompts: int, over_api: bool, fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path, over_api=over_api) as hub:
        plan = await hub.plan(TARGETS, prompts=prompts, repeats=3)
        runner = await hub.start(plan, concurrency=8)
        assert await runner.run() == "complete"
        found = await hub.store.load(RUN)
    assert found is not None
    assert found == (plan, runner.cells, {})
    exchanges = asked(fault_server)
    seen = Counter((provider(each), prompt(each)) for each in exchanges)
    assert set(seen.values()) == {3}
    assert len(seen) == 4 * prompts
    for column in find_figures(*found).columns:
        name = column.target.split("/")[0]
        own = [each for each in exchanges if provider(each) == name]
        assert (column.cells, column.own, column.requests, column.failed) == (3 * prompts, 3 * prompts, len(own), 0)
        assert column.prompt_tokens == 3 * prompts * (2 + 3)
        assert column.completion_tokens == sum(each.tokens_sent for each in own)
        assert column.usd == bill(exchanges, name)
        assert column.agreement == 1.0
    assert all(0 < (cell.first_token or 0) <= cell.seconds for cell in runner.cells.values())


@over_api
async def test_retries_are_counted_and_failures_are_no_answers(
    over_api: bool, fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path, "LLM_HUB_MAX_RETRIES=1\n", over_api=over_api) as hub:
        plan = await hub.plan("cheap/status-503?times=1 dear/policy anthropic/ok", prompts=1, checks=("contains:a",))
        runner = await hub.start(plan)
        assert await runner.run() == "complete"
    cells = [runner.cells[number] for number in range(3)]
    assert [cell.outcome for cell in cells] == ["answered", "content_rejected", "answered"]
    assert [cell.requests for cell in cells] == [2, 1, 1]
    assert [cell.fell_back for cell in cells] == [False] * 3
    assert [attempt.outcome for attempt in cells[0].attempts] == ["server_failed", "answered"]
    first, second, third = find_figures(plan, runner.cells).columns
    assert (first.own, second.own, third.own) == (1, 0, 1)
    assert (second.failed, second.pass_rate) == (1, None)
    assert len(asked(fault_server)) == 4


@over_api
async def test_the_price_is_what_the_provider_charged_or_else_the_hubs(
    over_api: bool, fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path, over_api=over_api, prices=Prices({}, {})) as hub:
        plan = await hub.plan("cheap/ok?cost=0.0123 dear/ok", prompts=2)
        runner = await hub.start(plan)
        assert await runner.run() == "complete"
        assert (await hub.stored()).cells == runner.cells
    figures = find_figures(plan, runner.cells)
    charged, listed = figures.columns
    assert (charged.usd, charged.reported_usd, charged.unpriced) == (Decimal("0.0246"), Decimal("0.0246"), 0)
    assert (listed.usd, listed.reported_usd, listed.unpriced) == (bill(asked(fault_server), "dear"), Decimal(0), 0)
    report = RunReport(RUN, plan, runner.cells, figures)
    assert [row[8] for row in figure_rows(report)] == ["$0.0246 charged", "$0.0063"]
    assert describe_summary(report).endswith("$0.0309 ($0.0246 charged).")


@over_api
async def test_nobody_falls_back_unless_that_is_allowed_and_then_it_counts_apart(
    over_api: bool, fault_server: FaultServer, tmp_path: Path
) -> None:
    settings = "LLM_HUB_MAX_RETRIES=0\nLLM_HUB_ROUTE=anthropic/ok\n"
    async with open_hub(fault_server, tmp_path, settings, over_api=over_api) as hub:
        plan = await hub.plan("cheap/status-503", prompts=1)
        runner = await hub.start(plan)
        await runner.run()
        assert runner.cells[0].outcome == "server_failed"
        assert {provider(each) for each in asked(fault_server)} == {"cheap"}
        await hub.store.delete(RUN)
        allowed = await hub.plan("cheap/status-503", prompts=1, fallback=("anthropic/ok",), checks=("length:1..",))
        runner = await hub.start(allowed)
        await runner.run()
    cell = runner.cells[0]
    assert (cell.is_answered, cell.fell_back, cell.answered_by) == (True, True, "anthropic/ok")
    (column,) = find_figures(allowed, runner.cells).columns
    assert (column.own, column.fallbacks, column.failed, column.pass_rate) == (0, 1, 0, None)


async def test_a_run_that_is_cut_short_goes_on_where_it_was(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        plan = await hub.plan("cheap/ok anthropic/ok", prompts=12)
        runner = await hub.start(plan)
        work = asyncio.create_task(runner.run())
        await fault_server.exchanges.until(lambda seen: sum(each.finished for each in seen) >= 13)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    async with open_hub(fault_server, tmp_path) as hub:
        resumed = await hub.resume()
        written = {(cell.answered_by.split("/")[0], plan.prompt(cell.number)) for cell in resumed.cells.values()}
        before = len(asked(fault_server))
        assert await resumed.run() == "complete"
        again = {(provider(each), prompt(each)) for each in asked(fault_server)[before:]}
    assert len(resumed.cells) == 24
    assert all(cell.is_answered for cell in resumed.cells.values())
    assert not written & again
    assert len(written | again) == 24


async def test_failed_cells_are_asked_again_alone(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path, "LLM_HUB_MAX_RETRIES=0\n") as hub:
        runner = await hub.start(await hub.plan("cheap/status-503?times=1 dear/ok", prompts=2), concurrency=1)
        await runner.run()
        failed = [number for number, cell in runner.cells.items() if not cell.is_answered]
        assert len(failed) == 1
        before = len(asked(fault_server))
        runner = await hub.resume(again=True)
        assert runner.left == 1
        assert await runner.run() == "complete"
    (once,) = asked(fault_server)[before:]
    assert (provider(once), runner.cells[failed[0]].requests) == ("cheap", 2)
    assert all(cell.is_answered for cell in runner.cells.values())


@over_api
@pytest.mark.parametrize(("patience", "outcome", "requests"), [(90, "answered", 2), (5, "rate_limited", 1)])
async def test_a_target_that_asks_to_wait_is_waited_for_within_patience(
    patience: float, outcome: str, requests: int, over_api: bool, fault_server: FaultServer, tmp_path: Path
) -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        await asyncio.sleep(0)
        now += seconds

    async with open_hub(fault_server, tmp_path, "LLM_HUB_MAX_RETRIES=0\n", clock=lambda: now, over_api=over_api) as hub:
        plan = await hub.plan("cheap/status-429?retry-after=8&times=1", prompts=1)
        runner = await hub.start(plan, sleep=sleep, patience=patience)
        await runner.run()
    assert (runner.cells[0].outcome, runner.cells[0].requests) == (outcome, requests)
    assert len(asked(fault_server)) == requests


@over_api
@pytest.mark.parametrize("target", ["dear/ok?tokens=40", "dear/cut@mid?tokens=40"])
async def test_the_ceiling_is_not_passed_by_more_than_one_answer(
    target: str, over_api: bool, fault_server: FaultServer, tmp_path: Path
) -> None:
    settings = "LLM_HUB_MAX_RETRIES=0\nLLM_HUB_COOLDOWN=0.001\n"
    async with open_hub(fault_server, tmp_path, settings, over_api=over_api) as hub:
        one = Decimal(5 * 30 + 40 * 150) / 10**6
        plan = await hub.plan(target, prompts=40, max_tokens=50, effort="low", max_usd=10 * one)
        runner = await hub.start(plan, concurrency=8)
        assert await runner.run() == "ceiling"
        paid = sum((Decimal(5 * 30 + each.tokens_sent * 150) / 10**6 for each in asked(fault_server)), Decimal(0))
        assert paid <= 11 * one
        sent = {(each.body["max_tokens"], each.body["reasoning_effort"]) for each in asked(fault_server)}
        assert sent == {(50, "low")}
        assert 10 * one <= runner.spent
        assert 0 < runner.left < 40
        resumed = await hub.resume()
        before = len(asked(fault_server))
        assert await resumed.run() == "ceiling"
        assert len(asked(fault_server)) == before


async def test_a_ceiling_needs_known_prices(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path, "LLM_HUB_PRICES=dear=30/150\n") as hub:
        plan = await hub.plan("cheap/ok", prompts=1, max_usd=Decimal(1))
        with pytest.raises(ConfigurationError, match=r"What cheap/ok costs is not known.*LLM_HUB_PRICES"):
            await (await hub.start(plan)).run()


async def test_two_processes_do_not_work_on_one_run(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        await hub.start(await hub.plan("cheap/ok"))
        hub.store._clock = lambda: 1000.0
        assert await hub.store.hold(RUN, "one") == 0
        assert await hub.store.hold(RUN, "other") == 10
        await hub.store.release(RUN, "other")
        assert await hub.store.hold(RUN, "one") == 0
        await hub.store.release(RUN, "one")
        assert await hub.store.hold(RUN, "other") == 0
        with pytest.raises(ConfigurationError, match="no run"):
            await hub.store.hold("another", "one")


async def test_a_stopped_run_asks_nothing_more(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        answered = asyncio.Event()
        plan = await hub.plan("cheap/ok", prompts=30)
        runner = await hub.start(plan, concurrency=2, changed=lambda _: answered.set())
        work = asyncio.create_task(runner.run())
        await answered.wait()
        runner.stop()
        assert await work == "stopped"
        assert 1 <= len(runner.cells) <= 4
        assert len(asked(fault_server)) == len(runner.cells)
        (head,) = await hub.store.heads()
        assert (head.size, head.written) == (30, len(runner.cells))


async def test_what_the_hub_itself_refuses_ends_the_run_and_fails_no_cell(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path, over_api=True) as hub:
        assert isinstance(hub.hub, RunningHub)
        prices = hub.hub.prices
        for address, key, problem in (
            (hub.hub.address, "wrong", "The hub refuses: "),
            (fault_server.url, "", "The hub refuses: |is no LLM Hub"),
            ("http://127.0.0.1:1", "", "does not answer"),
            ("localhost", "", "is no address of a hub"),
        ):
            with pytest.raises(ConfigurationError, match=problem):
                async with RunningHub.open(address, key, prices=prices, max_tries=1):
                    pass
    assert not asked(fault_server)
