"""How rung init ends: readable at 80 columns, and with nothing of the locked split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.data.script import width
from rung.propose.ending import cut, lines_of
from rung.propose.profile import look_at
from rung.propose.propose import Draft, Proposal, propose
from rung.rungs.base import plan_of_alpha


def proposed(path: Path) -> Proposal:
    out = path.parent / "task.yaml"
    return propose(Draft(profile=look_at(path), out=out, base=None, downloads=path.parent, alpha=plan_of_alpha))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    rows = [{"text": f"message number {n} " + "that goes on " * 60, "label": ["good", "bad"][n % 2]} for n in range(120)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_three_rows_and_three_answers(labels: Path) -> None:
    done = proposed(labels)
    assert len(done.ending.rows) == 3
    assert {row.answer for row in done.ending.rows} == {"good", "bad"}
    assert done.ending.rows[0].turns[0] == ("system", done.profile.instruction)
    right, near, wrong = done.ending.answers
    assert (right.what, right.score, wrong.score) == ("right", 1.0, 0.0)
    assert near.what.startswith("nearly right (")
    from rung.task.load import load_task

    locked = {row.source for row in load_task(done.out, labels.parent).split("test")}
    assert not locked & {row.source for row in done.ending.rows}
    assert right.row not in locked


def test_lines_are_narrow_and_long_texts_are_cut(labels: Path) -> None:
    lines = lines_of(proposed(labels).ending)
    assert max(map(len, lines)) <= 79
    assert any("more)..." in line for line in lines)
    assert any("If something was guessed wrong" in line for line in lines)


def test_wide_letters_leave_room_for_fewer(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"prompt": f"问题{n}：" + "这是一个很长的问题" * 9, "completion": f"回答{n}：" + "这是一个很长的回答" * 9}
        for n in range(60)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    done = proposed(path)
    assert done.profile.config == {"measure": "chrf"}
    assert "chrF" in " ".join(inference.line() for inference in done.profile.inferences if inference.aloud)
    assert max(map(width, lines_of(done.ending))) <= 79


def test_a_text_is_cut_in_its_middle() -> None:
    assert cut("short", 10) == "short"
    told = cut("a" * 500 + "b" * 500, 100)
    assert told.startswith("aaa")
    assert told.endswith("bbb")
    assert len(told) <= 100
