"""Where a text stands as itself in what was said."""

from __future__ import annotations

import pytest

from rung.verify.mentions import places


@pytest.mark.parametrize(
    ("text", "said", "stands"),
    [
        ("rome", "it is rome.", True),
        ("rome", "(rome)", True),
        ("rome", "romeo", False),
        ("able", "unable", False),
        ("rome", "not rome", False),
        ("rome", "it isn't rome", False),
        ("rome", "not the rome", False),
        ("rome", "not rome but oslo, or rome", True),
        ("not found", "it was not found", True),
        ("310", "it weighs 310 g", True),
        ("310", "1310", False),
        ("310", "3100", False),
        ("310", "310.5", False),
        ("310", "310,000", False),
        ("310", "1,310", False),
        ("310", "310.00 euros", False),
        ("310", "310.", True),
        ("310", "-310", False),
        ("310", "item-310", True),
        ("310", "- 310", True),
        ("-310", "it is -310", True),
        ("12", "b12", False),
        ("5 may", "15 may", False),
        ("東京", "東京です", True),
        ("c++", "c++ it is", True),
        ("$5", "$50", False),
        ("", "anything", False),
    ],
)
def test_places(text: str, said: str, stands: bool) -> None:
    assert bool([*places(text, said)]) == stands
