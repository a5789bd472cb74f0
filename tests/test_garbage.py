"""The search for cycles is put off, and comes back as it was."""

from __future__ import annotations

import gc

import pytest

from rung.garbage import uncollected


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
