"""The ladder in a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from rung.report.tables import card_lines, ladder_table

NAMES = ("passed", "failed", "undecided", "single", "unfinished")


def printed(document: Any, width: int = 160, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    Console(file=file, width=width).print(ladder_table(document))
    file.flush()
    return raw.getvalue().decode(encoding)


def line(document: Any, rung: str) -> list[str]:
    found = next(line for line in printed(document).splitlines() if line.startswith(rung))
    return [cell.strip() for cell in found.split("  ") if cell.strip()]


def test_the_numbers_are_in_the_table(passed: dict[str, Any]) -> None:
    assert line(passed, "r4_adapter") == [
        "r4_adapter", "✓ passed", "83.2%", "80.4% to 85.6%", "1,200 of 1,200", "0.0125", "84.1%", "28 ms", "47 ms", "61.2", "2",
        "—", "3 min 24 s", "3.7 MB",
    ]  # fmt: skip
    assert set(line(passed, "r2_retrieve")[2:]) == {"—"}
    assert line(passed, "r0_linear")[11] == "$0.00"


def test_differences_are_in_points(undecided: dict[str, Any]) -> None:
    assert line(undecided, "r4_adapter")[1:4] == ["? undecided", "+6.2", "+3.1 to +9.3"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [80, 100, 160])
def test_it_fits_and_names_every_rung_and_reason(documents: dict[str, Any], name: str, width: int) -> None:
    document = documents[name]
    shown = printed(document, width)
    assert max(map(len, shown.splitlines())) <= width
    for rung in document["rungs"]:
        assert f"\n{rung['rung']} " in shown
        assert rung["verdict"] or rung["reason"] in " ".join(shown.split())


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_that_knows_only_ascii_gets_ascii(documents: dict[str, Any], name: str) -> None:
    assert printed(documents[name], encoding="ascii").isascii()


def test_hostile_text_cannot_drive_the_terminal(passed: dict[str, Any]) -> None:
    passed["rungs"][2]["reason"] = "[bold red]no[/] \x1b]0;owned\x07 \u202e documents"
    passed["rungs"][2]["rung"] = "[link=http://evil.example]r2[/link]"
    shown = printed(passed)
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert "[bold red]no[/] ⟨U+001B⟩]0;owned⟨U+0007⟩ ⟨U+202E⟩ documents" in shown


def test_card_lines_are_plain_sentences(passed: dict[str, Any], unfinished: dict[str, Any]) -> None:
    assert card_lines(passed)[0].startswith("With 1,200 gate rows")
    assert len(card_lines(unfinished)) == 3
    assert card_lines({"card": ["as it is", None, {"n": 3}]}) == ["as it is"]
    assert card_lines({}) == []
