"""Labels are told by how they repeat."""

from __future__ import annotations

import pytest

from rung.data.closed_set import is_closed_set


@pytest.mark.parametrize(
    ("counts", "closed"),
    [
        ({"a": 3, "b": 1}, True),
        ({"a": 4}, False),
        ({f"name {n}": 1 for n in range(50)}, False),
        ({f"intent {n}": 60 for n in range(151)}, True),
        ({f"intent {n}": 400 for n in range(1000)}, True),
        # Most names of people stand once or twice, though some are common.
        ({f"name {n}": 2000 if n < 5 else 2 for n in range(151)}, False),
        ({f"city {n}": 3 for n in range(151)}, False),
        ({"x" * 81: 9, "b": 9}, False),
        ({}, False),
    ],
)
def test_a_closed_set(counts, closed):
    assert is_closed_set(counts) is closed
