"""limits.usd holds over restarts: what a climb has paid is a fact of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from stand_in import Server, completion
from toy import write_toy

from rung.climb.climb import climb
from rung.engine.http.spending import BudgetSpent
from rung.progress import Silent
from rung.registry.home import open_home
from rung.task.load import load_task

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
ANSWER_USD = 120e-6  # 100 tokens in, 10 out: what the stand-in says of each answer
CHECKED = 12  # questions of the server's check, at most
RUNGS = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = Server()
    made.script = [(200, completion("positive"), {}, 0)]
    yield made
    made.http.shutdown()
    made.http.server_close()


def climbs(task_file: Path) -> None:
    with open_home(write=True) as opened:
        climb(load_task(task_file, opened.downloads), opened, progress=Silent())


@pytest.fixture
def task_file(server: Server, tmp_path: Path, home: Path) -> Path:
    base = f"{server.address}#tiny"
    return write_toy(tmp_path, base, rungs=RUNGS, prices=PRICES, limits={"usd": 0.01})


def test_a_climb_that_goes_on_does_not_spend_its_budget_anew(server: Server, task_file: Path) -> None:
    for _ in range(3):
        with pytest.raises(BudgetSpent, match=r"the budget of 0\.01 USD could be exceeded"):
            climbs(task_file)
    assert 0.005 < len(server.bodies) * ANSWER_USD <= 0.01
    with open_home() as opened:
        (record,) = opened.climbs.all()
        assert opened.climbs.fact(record.climb, "spent")["usd"] == pytest.approx(len(server.bodies) * ANSWER_USD)


def test_a_batch_that_was_killed_counts_at_its_most(server: Server, task_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """As sudden as kill -9: nothing is written down after it."""

    with open_home(write=True) as opened, monkeypatch.context() as patch:
        kept = opened.climbs.put

        def until_asked(climb_id: str, key: str, payload: object) -> None:
            if key == "spent" and len(server.bodies) > CHECKED:
                raise Killed
            kept(climb_id, key, payload)

        patch.setattr(opened.climbs, "put", until_asked)
        with pytest.raises(Killed):
            climb(load_task(task_file, opened.downloads), opened, progress=Silent())
    with open_home() as opened:
        (record,) = opened.climbs.all()
        assert opened.climbs.fact(record.climb, "spent")["usd"] > len(server.bodies) * ANSWER_USD
    with pytest.raises(BudgetSpent):
        climbs(task_file)
    assert len(server.bodies) * ANSWER_USD <= 0.01
