"""A model as judge: what counts of its verdicts, what speaks against it, and what it costs."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.runs.cell import Cell
from llm_hub.runs.judge import JudgeFigures, JudgePlan, find_judgement, maker_of, read_choice
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.run_estimate import check_prices, estimate_run
from llm_hub.runs.run_figures import find_figures
from llm_hub.runs.run_plan import RunPlan, read_plan, write_plan
from llm_hub.runs.run_store import StoredRun
from llm_hub.runs.run_work import judge_left
from llm_hub.ui.render.run_files import write_report
from llm_hub.ui.render.run_report import RunReport, describe_estimate, describe_judgement
from tests.fault_server import FaultServer
from tests.runs.hubs import RUN, Hubs, open_hub

LEANING = "dear/ok?as=judge&leans=first"
HONEST = "dear/ok?as=judge"
TARGETS = "cheap/ok?tokens=4 anthropic/ok?tokens=7"


async def judged(hub: Hubs, judge: str, *, prompts: int = 8, **options: Any) -> StoredRun:
    await hub.store.create(RUN, await hub.plan(TARGETS, prompts=prompts, judge=judge, **options))
    return await hub.work()


def figures(run: StoredRun) -> JudgeFigures:
    found = find_figures(*run).judged
    assert found is not None
    return found


def sentences(run: StoredRun) -> str:
    return "\n".join(describe_judgement(RunReport(RUN, run.plan, run.cells, find_figures(*run))))


async def test_a_judge_that_prefers_the_first_place_is_reported_as_biased_and_moves_no_rating(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        run = await judged(hub, LEANING)
    found = figures(run)
    (pair,) = found.pairs
    assert (pair.wins, pair.losses, pair.ties, pair.changed) == (0, 0, 0, 8)
    assert pair.p_value == 1.0
    assert (found.first_twice, found.second_twice) == (8, 0)
    assert found.lean_p_value < 0.01
    assert "It is biased: it named the first place whatever stood there 8 times" in sentences(run)
    assert "they cannot be told apart" in sentences(run)


async def test_a_verdict_that_survives_the_swap_counts(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        run = await judged(hub, HONEST, rubric=("Is it long?", "Has it words?"))
    found = figures(run)
    (pair,) = found.pairs
    assert (pair.wins, pair.losses, pair.ties, pair.changed, pair.missing) == (0, 8, 0, 0, 0)
    assert pair.p_value < 0.01
    assert "biased" not in sentences(run)
    asked = [each for each in fault_server.exchanges if "as=judge" in str(each.model)]
    assert len(asked) == len(run.verdicts) == 16
    shown = [each.body["messages"][-1]["content"] for each in asked]
    assert all("- Is it long?\n- Has it words?" in text for text in shown)
    orders = Counter(len(re.findall(r"<first>\n(.*)\n</first>", text)[0].split()) for text in shown)
    assert orders == {4: 8, 7: 8}, "each pair is shown in both orders"
    read = sum(sum(len(message["content"].split()) for message in each.body["messages"]) + 3 for each in asked)
    assert found.usd == Decimal(30 * read + 150 * 5 * 16) / 10**6


async def test_variants_of_the_prompt_are_judged_like_targets(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        variants = ("Say {{prompt}}", "Shout {{prompt}}")
        plan = await hub.plan(TARGETS, prompts=2, repeats=2, templates=variants, judge=HONEST)
        *_, judge = estimate_run(plan, hub.caller.session)
        await hub.store.create(RUN, plan)
        run = await hub.work()
    asked = [each.body["messages"][-1]["content"] for each in fault_server.exchanges if "as=judge" in str(each.model)]
    assert len(asked) == len(run.verdicts) == 2 * 2 * 2 * 2, "two variants, rows, repeats and orders"
    assert judge.requests == 2 * 2 * 2 * 4, "with the same text, the two variants of a target are not asked about"
    told = [(pair.first, pair.second, pair.losses, pair.ties) for pair in figures(run).pairs]
    assert told == [(0, 1, 0, 4), (0, 2, 4, 0), (1, 3, 4, 0), (2, 3, 0, 4)]
    assert "cheap/ok?tokens=4 · variant 1 better 0, cheap/ok?tokens=4 · variant 2 better 0, alike 4" in sentences(run)


def test_a_judge_sees_both_prompts_of_two_variants() -> None:
    variants = ("Say {{prompt}}", "Shout {{prompt}}")
    plan = RunPlan(read_prompt_set("set.txt", b"one\ntwo"), ("a/x",), variants, judge="c/x")
    cells = {number: Cell(number, "answered", f"text {number}") for number in range(plan.size)}
    questions = JudgePlan(plan, cells)
    assert list(questions.numbers_of(0)) == [-1, -2, -3, -4]
    shown = [str(questions.request(number).messages[-1].content).partition("\n\n")[2] for number in (-3, -4)]
    assert shown == [
        (
            "<first-prompt>\nSay two\n</first-prompt>\n\n<second-prompt>\nShout two\n</second-prompt>\n\n"
            "<first>\ntext 2\n</first>\n\n<second>\ntext 3\n</second>"
        ),
        (
            "<first-prompt>\nShout two\n</first-prompt>\n\n<second-prompt>\nSay two\n</second-prompt>\n\n"
            "<first>\ntext 3\n</first>\n\n<second>\ntext 2\n</second>"
        ),
    ]


async def test_answers_with_the_same_text_are_alike_and_not_asked_about(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        plan = await hub.plan("cheap/ok?tokens=4 anthropic/ok?tokens=4", judge=HONEST)
        await hub.store.create(RUN, plan)
        run = await hub.work()
    assert run.verdicts == {}
    assert figures(run).pairs[0].ties == 3


async def test_a_judge_that_was_cut_short_goes_on_and_gives_no_verdict_twice(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        run = await judged(hub, HONEST, prompts=4)
        for number in (-2, -7):
            del run.verdicts[number]
        assert judge_left(run) == 2
        await hub.store.delete(RUN)
        await hub.store.create(RUN, run.plan)
        for cell in (*run.cells.values(), *run.verdicts.values()):
            await hub.store.write(RUN, cell)
        before = len(fault_server.exchanges)
        run = await hub.work()
        assert len(fault_server.exchanges) - before == 2
    assert judge_left(run) == 0
    assert figures(run).pairs[0].losses == 4


async def test_the_ceiling_holds_for_the_judge_too(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        run = await judged(hub, HONEST, max_tokens=50, max_usd=Decimal("0.02"))
        spent = [cell.usd for cell in (*run.cells.values(), *run.verdicts.values())]
        assert Decimal("0.02") <= sum(spent) <= Decimal("0.02") + max(spent)
        assert 0 < judge_left(run) < 16
        before = len(fault_server.exchanges)
        assert await hub.work() == run
        assert len(fault_server.exchanges) == before


async def test_the_estimate_has_the_judge_in_it(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path, "OPENAI_API_KEY=key\nLLM_HUB_CHAOS=true\n") as hub:
        plan = await hub.plan(TARGETS, prompts=8, judge="openai/gpt-4o-mini", max_tokens=100, repeats=2)
        *_, judge = estimate_run(plan, hub.caller.session)
        assert (judge.is_judge, judge.requests) == (True, 32)
        assert judge.least is not None
        assert judge.most is not None
        assert judge.most - judge.least >= 32 * (Decimal("0.15") * 200 + Decimal("0.6") * 2_048) / 10**6
        assert re.match(
            r"openai/gpt-4o-mini as judge: up to 32 requests, about [\d,]+ tokens", describe_estimate(judge)
        )
        free = await hub.plan(TARGETS, judge="chaos/steady")
        assert describe_estimate(estimate_run(free, hub.caller.session)[-1]).endswith("up to 6 requests, free")
        with pytest.raises(ConfigurationError, match="What openai/nobody-knows costs"):
            check_prices(
                await hub.plan("cheap/ok dear/ok", judge="openai/nobody-knows", max_usd=Decimal(1)), hub.caller.session
            )


def test_a_judge_of_the_same_maker_is_pointed_out() -> None:
    prompts = read_prompt_set("set.txt", b"one")
    plan = RunPlan(prompts, ("openai/gpt-5-mini", "anthropic/claude-haiku-5-5"), judge="huggingface/openai/gpt-oss-20b")
    assert find_judgement(plan, {}, {}).family == ("openai/gpt-5-mini",)
    assert maker_of("anthropic/claude-haiku-5-5") == maker_of("openrouter/anthropic/claude-opus-5") == "Anthropic"
    assert maker_of("somebody/model-of-mine") == ""


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("The first is wrong.\nSECOND", "second"),
        ("Verdict: **First**.", "first"),
        ("FIRST\n\nTIE\n", "tie"),
        ("FIRST is better than SECOND", ""),
        ("Neither.", ""),
        ("", ""),
    ],
)
def test_the_last_line_says_the_verdict(text: str, choice: str) -> None:
    assert read_choice(text) == choice


def test_no_verdict_is_made_of_failures_and_of_what_changes_with_the_order() -> None:
    plan = RunPlan(read_prompt_set("set.txt", b"one\ntwo\nthree\nfour"), ("a/x", "b/x"), judge="c/x")
    cells = {number: Cell(number, "answered", f"text {number}") for number in range(plan.size)}
    cells[6] = Cell(6, "overloaded")  # the fourth pair cannot be judged
    said = {-1: "FIRST", -2: "SECOND", -3: "SECOND", -4: "SECOND", -5: "TIE"}
    verdicts = {number: Cell(number, "answered", text) for number, text in said.items()}
    verdicts[-6] = Cell(-6, "server_failed")
    found = find_judgement(plan, cells, verdicts)
    (pair,) = found.pairs
    assert (pair.wins, pair.losses, pair.ties, pair.changed, pair.missing) == (1, 0, 0, 1, 1)
    assert (found.first_twice, found.second_twice) == (0, 1)
    assert describe_judgement(RunReport(RUN, plan, {}, find_figures(plan, {}))) == [
        "a/x and b/x have no two answers to one prompt."
    ]
    assert list(JudgePlan(plan, cells).numbers_of(0)) == [-1, -2, -3, -4, -5, -6]


@pytest.mark.parametrize(
    ("targets", "options", "problem"),
    [
        (("a/x",), {}, "2 to 36 targets or variants"),
        (("a/x", "b/x"), {"rubric": ("line",) * 6}, "1 to 5 lines of a rubric"),
    ],
)
def test_what_a_judge_cannot_be_asked(targets: tuple[str, ...], options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        RunPlan(read_prompt_set("set.txt", b"one"), targets, judge="c/x", **options)


def test_a_plan_of_before_there_were_judges_is_read() -> None:
    plan = RunPlan(read_prompt_set("set.txt", b"one"), ("a/x",))
    document = {name: value for name, value in write_plan(plan).items() if name not in ("judge", "rubric")}
    assert read_plan(document) == plan


async def test_reports_have_the_judge(fault_server: FaultServer, tmp_path: Path) -> None:
    async with open_hub(fault_server, tmp_path) as hub:
        run = await judged(hub, LEANING, prompts=6, rubric=("Is it *right*?",))
    report = RunReport(RUN, run.plan, run.cells, find_figures(*run))
    assert all("It is biased" in write_report(report, kind) for kind in ("terminal", "md", "html"))
    assert all("Is it *right*?" in write_report(report, kind) for kind in ("md", "html", "json"))
    assert '"first_twice": 6' in write_report(report, "json")
