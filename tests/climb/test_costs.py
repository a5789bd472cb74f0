"""What a climb on a paid base is said to cost, before anything but the server's check is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from recorded import SERVERS
from stand_in import Server
from toy import write_toy

from rung.cli.app import run
from rung.climb.outlook.predict import UNTIMED
from rung.climb.outlook.pricing import Pricing
from rung.climb.outlook.questions import Questions
from rung.parts import Span
from rung.rungs.asks import Answers
from rung.types import Bar, Candidate, Task

PRICES = {"input_usd_per_million": 2.0, "output_usd_per_million": 8.0, "cached_input_usd_per_million": 0.5}
RUNGS = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [2], "dev_rows": 20, "calibration_rows": 20}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = SERVERS["vllm"].start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def plan(server: Server, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def _plan(**extra: Any) -> tuple[dict[str, Any], str]:
        task_file = write_toy(tmp_path, f"{server.address}#smol", rungs=RUNGS, **extra)  # type: ignore[arg-type]
        assert run(["plan", str(task_file), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert run(["plan", str(task_file)]) == 0
        return document, " ".join(capsys.readouterr().out.split())

    return _plan


def test_tokens_are_priced_the_cheap_form_and_the_dear(plan: Any, server: Server) -> None:
    document, told = plan(prices=PRICES)
    whole = document["prediction"]["ends"][-1]["amount"]
    read, cached, written = (whole[name]["most"] for name in ("read", "cached", "written"))
    dearest = (read * PRICES["input_usd_per_million"] + written * PRICES["output_usd_per_million"]) / 1e6
    assert whole["usd"]["most"] == pytest.approx(dearest, rel=0.05)
    assert 0 < whole["usd"]["least"] < whole["usd"]["expected"] < whole["usd"]["most"]
    assert 0 < cached < read
    assert "It will cost about $" in told and ", at most $" in told
    rung = next(rung for rung in document["rungs"] if rung["rung"] == "r1_prompt")
    assert rung["climb_usd"]["most"] <= whole["usd"]["most"]


@pytest.mark.parametrize(("batch", "factor", "part"), [(False, {}, 1.0), (True, {}, 0.5), (True, {"batch_factor": 0.2}, 0.2)])
def test_batches_cost_a_part(batch: bool, factor: dict[str, float], part: float) -> None:
    bar, prices = Bar(scorer="choice", at_least=0.5), PRICES | factor
    task = Task(name="t", base="http://x/v1#m", instruction="", examples=(), quality=bar, prices=prices, batch=batch)
    pricing = Pricing(context=SimpleNamespace(task=task), machine=UNTIMED, reader=None)  # type: ignore[arg-type]
    questions, rows = Questions(shared=60, own=40, writes=10), Span.of(1000)
    asked = Answers(what="dev", candidate=Candidate(rung="r1_prompt", base="http://x/v1#m", prompt=""), rows=rows)
    assert pricing._part(replace(asked, rows=Span.of(1))) == 1.0, "a question alone is no batch"
    cost = pricing._usd(questions, questions, rows, pricing._part(asked))
    # 100 tokens read, 60 of them at a quarter of the price where they are kept, and 10 written.
    assert cost is not None
    assert cost.most == pytest.approx(1000 * (100 * 2 + 10 * 8) / 1e6), "what comes back is asked by itself"
    assert cost.least == pytest.approx(part * 1000 * (40 * 2 + 60 * 0.5 + 10 * 8) / 1e6)


def test_without_prices_tokens_are_told(plan: Any) -> None:
    document, told = plan()
    assert document["prediction"]["ends"][-1]["amount"]["usd"] is None
    assert "tokens read" in told and "the task gives no prices" in told and "$" not in told


def test_a_budget_that_may_not_do_is_told(plan: Any) -> None:
    _, told = plan(prices=PRICES, limits={"usd": 0.001})
    assert "The task allows $0.001 (limits.usd): there the climb stops" in told
    _, told = plan(prices=PRICES, limits={"usd": 1000.0})
    assert "The task allows" not in told


def test_a_server_of_ones_own_costs_nothing(plan: Any) -> None:
    document, told = plan(prices=dict.fromkeys(PRICES, 0.0))
    assert document["prediction"]["ends"][-1]["amount"]["usd"]["most"] == 0
    assert "It will cost" not in told
