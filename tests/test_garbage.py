"""The search for cycles is put off, and comes back as it was."""

from __future__ import annotations

import gc
import weakref

import pytest

from rung.garbage import settle, uncollected


def test_it_comes_back_after_an_error_too() -> None:
    assert gc.isenabled()
    with pytest.raises(ValueError, match="told"), uncollected(), uncollected():
        assert not gc.isenabled()
        raise ValueError("told")
    assert gc.isenabled()


def test_who_turned_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_there_is_not_looked_through_again_and_what_comes_later_is() -> None:
    class Node:
        other: Node

    def pair() -> weakref.ref[Node]:
        one, two = Node(), Node()
        one.other, two.other = two, one
        return weakref.ref(one)

    settled = pair()
    try:
        settle()
        assert settled() is None, "what nobody holds goes first"
        assert gc.get_freeze_count() > 1000
        later = pair()
        gc.collect()
        assert later() is None
    finally:
        gc.unfreeze()
