"""Candidates that get other fields get other ids; what names them follows, and the ids of before still lead to them.

Looked at in the database, as it was when there were two steps: what Candidates are today does not matter here.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from old_home import ADAPTER, HISTORY, PROMPT, sha256, write_old_home

from rung.registry.db import Database
from rung.registry.migrations.rewrite import Rewrite, rewrite_candidates
from rung.registry.migrations.run import migrate, steps

Ask = Callable[..., list[Any]]
WAS = {name: sha256(fields) for name, fields in (("prompt", PROMPT), ("adapter", ADAPTER))}


def longer(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fields, "max_tokens": fields["max_tokens"] + 1}


@pytest.fixture
def rewritten(home: Path) -> Callable[..., Ask]:
    """Rewrites a home of the version before; gives a way to ask its database."""
    write_old_home(home)

    def rewrite(*rewrites: Rewrite) -> Ask:
        database = Database(home / "registry.db", writable=True)
        migrate(database, {number: step for number, step in steps().items() if number <= 2})
        for one in rewrites:
            with database.writing() as connection:
                rewrite_candidates(connection, one)
        database.close()
        return ask

    def ask(statement: str, *values: str) -> list[Any]:
        raw = sqlite3.connect(home / "registry.db")
        try:
            return raw.execute(statement, values).fetchall()
        finally:
            raw.close()

    return rewrite


@pytest.mark.parametrize("times", [1, 2])
def test_all_that_named_a_candidate_names_it_by_its_new_id(rewritten: Callable[..., Ask], times: int) -> None:
    ask = rewritten(*[longer] * times)
    stored = {json.loads(fields)["rung"]: (name, json.loads(fields)) for name, fields in ask("SELECT id, fields FROM candidates")}
    (prompt, prompt_fields), (adapter, adapter_fields) = stored["r1_prompt"], stored["r4_adapter"]
    assert prompt_fields == PROMPT | {"max_tokens": 20 + times}
    assert adapter_fields == ADAPTER | {"max_tokens": 20 + times, "parent": prompt}
    assert (prompt, adapter) == (sha256(prompt_fields), sha256(adapter_fields))
    assert ask("SELECT candidate FROM names") == [(prompt,)]
    for table in ("runs", "looks", "answers"):
        assert {name for (name,) in ask(f"SELECT candidate FROM {table}")} == {prompt, adapter}
    leads = dict(ask("SELECT old, candidate FROM aliases"))
    assert (leads[WAS["prompt"]], leads[WAS["adapter"]]) == (prompt, adapter)
    assert len(leads) == 2 * times, "the ids in between lead there too"
    assert set(leads.values()) == {prompt, adapter}


def test_what_does_not_change_keeps_its_id_and_the_order_of_its_keys(rewritten: Callable[..., Ask]) -> None:
    ask = rewritten(dict)
    assert ask("SELECT * FROM aliases") == []
    assert {name for (name,) in ask("SELECT id FROM candidates")} == set(WAS.values())
    ((text,),) = ask("SELECT fields FROM candidates WHERE id = ?", WAS["prompt"])
    assert text.index('"rung"') < text.index('"base"') < text.index('"choices"') < text.index('"bias"')


def test_two_that_become_one_are_one(rewritten: Callable[..., Ask]) -> None:
    ask = rewritten(lambda _: PROMPT)
    assert ask("SELECT id FROM candidates") == [(WAS["prompt"],)]
    assert ask("SELECT old, candidate FROM aliases") == [(WAS["adapter"], WAS["prompt"])]
    assert ask("SELECT candidate FROM runs") == [(WAS["prompt"],)] * 2


def test_history_is_held_to_growing_only_again_afterwards(rewritten: Callable[..., Ask]) -> None:
    ask = rewritten(longer)
    for table in (*HISTORY, "climbs", "aliases"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            ask(f"DELETE FROM {table}")
