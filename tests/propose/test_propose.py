"""A proposed task file: tried before it is there, with what its rows as read and its split rows show."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.errors import UserError
from rung.propose.profile import look_at
from rung.propose.propose import Draft, Proposal, propose
from rung.task.load import load_task
from rung.types import Task
from rung.verify.alpha import AlphaPlan, plan_alpha


def proposed(folder: Path, rows: list[str], shares: int = 3) -> Proposal:
    path = folder / "rows.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n", "utf-8")
    out = folder / "task.yaml"

    def alpha(task: Task) -> AlphaPlan:
        return plan_alpha(task, [str(rung) for rung in range(shares)])

    return propose(Draft(profile=look_at(path), out=out, base=None, downloads=folder, alpha=alpha))


def test_what_raw_and_split_rows_show_is_written_down(tmp_path: Path) -> None:
    rows = [f"message {i},{'no' if i % 20 else 'yes'}" for i in range(300)]
    done = proposed(tmp_path, [*rows, "MESSAGE 1,no", "message 2,yes"])
    assert {finding.check for finding in done.profile.findings} == {"labels", "duplicates", "balance"}
    text = " ".join(done.out.read_text("utf-8").replace("\n#", " ").split())
    assert "warning: 95% of the rows are 'no': always answering so scores as much" in text
    assert load_task(done.out, tmp_path).findings == done.profile.findings


def test_the_bar_and_the_card_are_those_of_the_file(tmp_path: Path) -> None:
    done = proposed(tmp_path, [f"message {i},{'ab'[i % 2]}" for i in range(60)], shares=6)
    assert done.at_least < done.profile.at_least
    assert load_task(done.out, tmp_path).quality.at_least == done.at_least
    assert all(line in " ".join(done.out.read_text("utf-8").replace("\n#", " ").split()) for line in done.card)


def test_too_few_rows_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"10 rows are too few to prove anything: .* At least about 64 rows are needed"):
        proposed(tmp_path, [f"message {i},{'ab'[i % 2]}" for i in range(10)], shares=10_000)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
