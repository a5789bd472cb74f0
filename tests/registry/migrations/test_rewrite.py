"""Candidates that get other fields get other ids; what names them follows, and the ids of before still lead to them."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from old_home import ADAPTER, HISTORY, PROMPT, TASK, sha256, write_old_home

from rung.errors import UserError
from rung.registry.db import Database
from rung.registry.home import open_home
from rung.registry.migrations.rewrite import rewrite_candidates


def longer(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields | {"max_tokens": fields["max_tokens"] + 1}


def rewritten(home: Path, *rewrites: Any) -> None:
    open_home(home).close()
    database = Database(home / "registry.db", writable=True)
    for rewrite in rewrites:
        with database.writing() as connection:
            rewrite_candidates(connection, rewrite)
    database.close()


@pytest.fixture
def old(home: Path) -> Path:
    write_old_home(home)
    return home


@pytest.mark.parametrize("times", [1, 2])
def test_all_that_named_a_candidate_names_it_by_its_new_id(old: Path, times: int) -> None:
    rewritten(old, *[longer] * times)
    with open_home() as home:
        prompt, adapter = (home.candidates.get(sha256(was)) for was in (PROMPT, ADAPTER))
        assert (prompt.max_tokens, adapter.max_tokens) == (20 + times, 20 + times)
        assert adapter.parent == prompt.id != sha256(PROMPT)
        assert home.candidates.get("tone") == prompt
        assert home.names.all()[0].candidate == prompt.id
        for candidate, was in ((prompt, PROMPT), (adapter, ADAPTER)):
            assert home.candidates.get(candidate.id) == home.candidates.get(sha256(was)[:8]) == candidate
            (run,) = home.runs.of(candidate.id)
            assert run.candidate == candidate.id
            assert home.answers.load(candidate.id, ["e1"])["e1"].text == "good"
            assert home.answers.load(sha256(was), ["e1"]) == {}
        assert {look.candidate for look in home.looks.of(TASK)} == {prompt.id, adapter.id}
        with pytest.raises(UserError, match="no candidate is called"):
            home.candidates.get("0" * 64)


def test_what_does_not_change_keeps_its_id_and_the_order_of_its_keys(old: Path) -> None:
    rewritten(old, dict)
    raw = sqlite3.connect(old / "registry.db")
    assert raw.execute("SELECT count(*) FROM aliases").fetchone() == (0,)
    assert {name for (name,) in raw.execute("SELECT id FROM candidates")} == {sha256(PROMPT), sha256(ADAPTER)}
    (text,) = raw.execute("SELECT fields FROM candidates WHERE id = ?", (sha256(PROMPT),)).fetchone()
    raw.close()
    assert text.index('"rung"') < text.index('"base"') < text.index('"choices"') < text.index('"bias"')


def test_two_that_become_one_are_one(old: Path) -> None:
    rewritten(old, lambda fields: PROMPT | {"parent": None})
    with open_home() as home:
        both = {home.candidates.get(sha256(was)).id for was in (PROMPT, ADAPTER)}
        assert len(both) == 1
        assert len(home.runs.of(both.pop())) == 2


def test_history_is_held_to_growing_only_again_afterwards(old: Path) -> None:
    rewritten(old, longer)
    raw = sqlite3.connect(old / "registry.db")
    for table in (*HISTORY, "climbs", "aliases"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            raw.execute(f"DELETE FROM {table}")
    raw.close()
