from __future__ import annotations

from rung.registry.aliases import Move
from rung.registry.names import Evidence, Version
from rung.registry.story import Event, story


def at(minute: int) -> str:
    return f"2026-11-03T10:{minute:02}:00.000+00:00"


def version(number: int, minute: int) -> Version:
    rung = "r1_prompt"
    return Version(name="tone", version=number, candidate="c" * 64, rung=rung, evidence=Evidence(), created=at(minute))


def move(generation: int, target: int | None, minute: int, alias: str = "champion") -> Move:
    kind = "set" if target is not None else "remove"
    said = {"kind": kind, "by": "", "reason": "", "receipt": ""}
    return Move(name="tone", alias=alias, version=target, generation=generation, created=at(minute), **said)


def told(events: list[Event]) -> list[str]:
    return [f"{event.told}{' *' if event.late else ''}" for event in events]


def test_it_is_told_with_the_newest_first_and_each_move_with_where_it_went_from() -> None:
    versions = [version(1, 0), version(2, 10), version(3, 30)]
    moves = [
        move(1, 1, 5),
        move(1, 2, 12, "blue"),
        move(2, 2, 20),
        move(2, None, 25, "blue"),
        move(3, 1, 40),
        move(3, 3, 41, "blue"),
    ]
    assert told(story(versions, moves)) == [
        "blue set to 3",
        "champion 2 to 1",
        "tone@3 registered",
        "blue taken from 2",
        "champion 1 to 2",
        "blue set to 2",
        "tone@2 registered",
        "champion set to 1",
        "tone@1 registered",
    ]


def test_whatever_the_clock_says_the_order_is_that_of_writing_and_a_version_comes_before_what_was_moved_to_it() -> None:
    versions = [version(1, 50), version(2, 10), version(3, 55)]
    moves = [move(1, 1, 8), move(2, 2, 12), move(3, 3, 13)]
    assert told(story(versions, moves)) == [
        "champion 2 to 3 *",
        "tone@3 registered",
        "champion 1 to 2 *",
        "champion set to 1 *",
        "tone@2 registered *",
        "tone@1 registered",
    ]


def test_nothing_has_no_story() -> None:
    assert story([], []) == []
