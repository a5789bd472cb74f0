from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from nouns import a_candidate

from rung.errors import UserError
from rung.registry.aliases import Aliases, Move
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence


@pytest.fixture
def tone(registry: Home) -> Home:
    """A home with tone@1, tone@2 and tone@3."""
    for number in (1, 2, 3):
        candidate = a_candidate(f"prompt {number}")
        registry.candidates.add(candidate, "t" * 64)
        registry.names.register("tone", candidate.id, Evidence(climb=f"c{number}"))
    return registry


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the clock that moves are written by."""

    def put(moment: str) -> None:
        monkeypatch.setattr("rung.registry.aliases.now", lambda: f"2026-11-{moment}:00.000+00:00")

    return put


def put(aliases: Aliases, version: int | None, alias: str = "blue", expected: int | None = None) -> Move:
    kind = "set" if version is not None else "remove"
    return aliases.move("tone", alias, version, expected=expected, kind=kind)  # type: ignore[arg-type]


def test_an_alias_stands_for_the_version_that_it_was_moved_to_last_and_keeps_its_history(tone: Home) -> None:
    first = tone.aliases.move("tone", "champion", 1, expected=0, kind="promote", by="4f2a", reason="it passed", receipt="r" * 64)
    second = put(tone.aliases, 3, "champion", expected=1)
    assert (first.generation, second.generation, first.ref) == (1, 2, "tone@champion")
    assert tone.aliases.at("tone", "champion") == second
    assert tone.aliases.history("tone") == tone.aliases.history("tone", "champion") == [first, second]
    assert tone.aliases.at("tone", "candidate") is None
    assert tone.candidates.get("tone@champion") == tone.candidates.get("tone@3")
    found = tone.names.find("tone@champion")
    assert found is not None and found.ref == "tone@3"
    put(tone.aliases, 2)
    assert [(move.alias, move.version) for move in tone.aliases.standing("tone")] == [("blue", 2), ("champion", 3)]


def test_whoever_has_seen_another_generation_moves_nothing_and_is_told_who_did(tone: Home) -> None:
    put(tone.aliases, 1, expected=0)
    tone.aliases.move("tone", "blue", 2, expected=1, kind="set", by="4f2a", reason="the release of May")
    for seen in (0, 1, 3):
        with pytest.raises(UserError, match=r"tone@blue was moved meanwhile: to 2 by 4f2a, 2.* UTC \(the release of May\)"):
            put(tone.aliases, 3, expected=seen)
    with pytest.raises(UserError, match="tone@green has never stood"):
        put(tone.aliases, 3, "green", expected=1)
    assert [move.version for move in tone.aliases.history("tone")] == [1, 2]
    assert put(tone.aliases, 3, expected=2).generation == 3


def test_an_alias_that_is_taken_away_stands_for_nothing_and_can_be_set_again(tone: Home) -> None:
    put(tone.aliases, 1)
    gone = put(tone.aliases, None)
    assert (gone.version, gone.generation) == (None, 2)
    assert tone.aliases.standing() == []
    assert tone.names.find("tone@blue") is None
    with pytest.raises(UserError, match="no candidate is called 'tone@blue'"):
        tone.candidates.get("tone@blue")
    for alias in ("blue", "green"):
        with pytest.raises(UserError, match=f"tone has no alias '{alias}' to take away"):
            put(tone.aliases, None, alias)
    assert put(tone.aliases, 2, expected=2).generation == 3


@pytest.mark.parametrize(
    ("alias", "why"),
    [
        ("3", "a number is a version"),
        ("v3", "it would be taken for version 3"),
        ("latest", "cannot be an alias"),
        ("Champion", "beside 'champion'"),
        ("", "cannot be an alias"),
        ("a b", "cannot be an alias"),
        ("a@b", "cannot be an alias"),
        ("-blue", "cannot be an alias"),
        ("blue\n", "cannot be an alias"),
        ("größe", "cannot be an alias"),
    ],
)
def test_a_word_that_would_be_taken_for_something_else_is_refused(tone: Home, alias: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        put(tone.aliases, 1, alias)
    assert tone.aliases.history("tone") == []


def test_only_what_is_registered_can_be_stood_for(tone: Home) -> None:
    with pytest.raises(UserError, match="tone has no version 7") as caught:
        put(tone.aliases, 7)
    assert caught.value.hint == "There are the versions 1 to 3."
    with pytest.raises(UserError, match="nothing is registered as 'tune'"):
        tone.aliases.move("tune", "blue", 1, expected=None, kind="set")
    with pytest.raises(ValueError, match="a move of kind 'remove' to 1"):
        tone.aliases.move("tone", "blue", 1, expected=None, kind="remove")


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        ("tone@blu", "Did you mean 'tone'? There are the versions 1 to 3, and there have been the aliases blue (`rung log tone`)."),
        ("tone@v2", "Did you mean 'tone@2'?"),
        ("tone@99999999999999999999", "Did you mean 'tone'?"),
        ("tone@", "Did you mean 'tone'?"),
        ("tone@-1", "Did you mean 'tone'?"),
        ("tone@２", "Did you mean 'tone'?"),
        ("tome@blue", "Did you mean 'tone'?"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(tone: Home, ref: str, hint: str) -> None:
    put(tone.aliases, 1)
    assert tone.names.find(ref) is None
    with pytest.raises(UserError, match="no candidate is called") as caught:
        tone.candidates.get(ref)
    assert hint in caught.value.hint


def test_where_it_stood_at_a_moment(tone: Home, clock: Callable[[str], None]) -> None:
    for day, version in (("03T10:00", 1), ("04T10:00", 2), ("05T10:00", None)):
        clock(day)
        put(tone.aliases, version)

    def stood(moment: str) -> list[int | None]:
        found = tone.aliases.at("tone", "blue", moment)
        standing = [move.version for move in tone.aliases.standing(moment=moment)]
        return [found.version if found else -1, *standing]

    assert stood("2026-11-02") == [-1]
    assert stood("2026-11-03T09:59") == [-1]
    assert stood("2026-11-03T10:00") == stood("2026-11-03T11:00+01:00") == stood("2026-11-03") == [1, 1]
    assert stood("2026-11-04") == [2, 2]
    assert stood("2026-11-05") == [None]


def test_a_clock_that_goes_back_reorders_nothing(tone: Home, clock: Callable[[str], None]) -> None:
    for day, version in (("05T10:00", 1), ("03T10:00", 2), ("04T10:00", 3)):
        clock(day)
        put(tone.aliases, version)
    assert [move.version for move in tone.aliases.history("tone")] == [1, 2, 3]
    now = tone.aliases.at("tone", "blue")
    assert now is not None and (now.version, now.generation) == (3, 3)
    assert tone.candidates.get("tone@blue") == tone.candidates.get("tone@3")
    assert [move.version for move in tone.aliases.standing()] == [3]


def test_a_move_is_kept_with_what_is_written_beside_it_or_not_at_all(tone: Home) -> None:
    with pytest.raises(RuntimeError, match="beside"), tone.together():
        put(tone.aliases, 1)
        raise RuntimeError("what was to be written beside it failed")
    assert tone.aliases.history("tone") == []
    with tone.together():
        put(tone.aliases, 1)
        put(tone.aliases, 2)
    assert [move.generation for move in tone.aliases.history("tone")] == [1, 2]


def mover(home: Path, writer: int, said: Path, wanted: int) -> None:
    """Moves an alias, each time only if nobody moved it since it looked, and says so, until it has been moved so often."""
    with open_home(home, write=True) as opened, said.open("a", buffering=1) as acknowledged:
        attempt = 0
        while True:
            seen = opened.aliases.at("tone", "blue")
            generation = seen.generation if seen else 0
            if generation >= wanted:
                return
            mark = f"{writer}-{os.getpid()}-{attempt}"
            try:
                moved = opened.aliases.move("tone", "blue", 1 + generation % 3, expected=generation, kind="set", reason=mark)
            except UserError:
                continue
            acknowledged.write(f"{moved.generation} {mark}\n")
            attempt += 1


def test_many_that_move_one_alias_at_once_and_are_killed_lose_no_move(tone: Home, tmp_path: Path) -> None:
    """A longer form, 8 writers and 1,000 moves, behind RUNG_ALL_MOVES."""
    writers, wanted, kills = (8, 1000, 40) if os.environ.get("RUNG_ALL_MOVES") else (4, 100, 6)
    draw, killed, forked = random.Random(7), 0, multiprocessing.get_context("fork")
    tone.close()  # an open database does not go with a fork

    def start(writer: int) -> multiprocessing.process.BaseProcess:
        process = forked.Process(target=mover, args=(tone.path, writer, tmp_path / f"said-{writer}", wanted))
        process.start()
        return process

    running = {writer: start(writer) for writer in range(writers)}
    while any(process.is_alive() for process in running.values()):
        time.sleep(draw.uniform(0.005, 0.05))
        writer = draw.choice(list(running))
        if killed < kills and running[writer].is_alive():
            os.kill(running[writer].pid or 0, signal.SIGKILL)
            running[writer].join()
            killed += 1
            running[writer] = start(writer)
    for process in running.values():
        process.join()
        assert process.exitcode == 0
    history = tone.aliases.history("tone", "blue")
    assert [move.generation for move in history] == list(range(1, len(history) + 1))
    assert [move.version for move in history] == [1 + (move.generation - 1) % 3 for move in history]
    acknowledged = [line.split() for file in tmp_path.glob("said-*") for line in file.read_text().splitlines()]
    marks = {move.generation: move.reason for move in history}
    assert all(marks[int(generation)] == mark for generation, mark in acknowledged), (
        "what was acknowledged is there, as it was said"
    )
    assert len(history) == wanted
    assert 0 <= len(history) - len(acknowledged) <= killed, "only a move whose writer was killed is there without a word"
