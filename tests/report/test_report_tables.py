"""The ladder and the diagnosis of real climbs, in a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from real_climbs import WAYS, rung_of, with_rung
from rich.console import Console

from rung.registry.documents import ClimbDocument
from rung.report.missing import diagnosis_table
from rung.report.tables import ladder_table

Ended = Callable[[str], ClimbDocument]


def printed(shown: Any, width: int = 160, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    Console(file=file, width=width).print(shown)
    file.flush()
    return raw.getvalue().decode(encoding)


def line(document: ClimbDocument, rung: str) -> list[str]:
    found = next(line for line in printed(ladder_table(document)).splitlines() if line.startswith(rung))
    return [cell.strip() for cell in found.split("  ") if cell.strip()]


def test_the_numbers_are_in_the_table(ended: Ended) -> None:
    rung = rung_of(ended("prompt"), "r1_prompt")
    cells = line(ended("prompt"), "r1_prompt")
    assert cells[:2] == ["r1_prompt", "✓ passed"] and cells[3] == "100.0%"
    assert cells[4] == f"{rung.verdict.n} of {rung.verdict.n_total}"
    assert "0.25 s" in cells and "$0.00" in cells
    assert set(line(ended("prompt"), "r2_retrieve")[2:]) == {"—"}


def test_differences_are_in_points(ended: Ended) -> None:
    shown = line(ended("relative"), "r0_linear")
    assert shown[1] == "✓ passed" and shown[2].startswith("+") and "points" not in shown[2]


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("width", [80, 100, 160])
def test_it_fits_and_names_every_rung_and_reason(ended: Ended, name: str, width: int) -> None:
    shown = printed(ladder_table(ended(name)), width)
    assert max(map(len, shown.splitlines())) <= width
    for rung in ended(name).rungs:
        assert f"\n{rung.rung} " in shown
        assert rung.verdict or rung.reason in " ".join(shown.split())


@pytest.mark.parametrize("name", WAYS)
def test_a_terminal_that_knows_only_ascii_gets_ascii(ended: Ended, name: str) -> None:
    assert printed(ladder_table(ended(name)), encoding="ascii").isascii()


def test_hostile_text_cannot_drive_the_terminal(ended: Ended) -> None:
    hostile = "[bold red]no[/] \x1b]0;owned\x07 \u202e documents"
    shown = printed(ladder_table(with_rung(ended("linear"), "r2_retrieve", reason=hostile, rung="[link=http://x]r2[/link]")))
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert "[bold red]no[/] ⟨U+001B⟩]0;owned⟨U+0007⟩ ⟨U+202E⟩ documents" in shown


def test_the_terminal_shows_every_way_that_was_asked_and_where_failures_come_from(ended: Ended) -> None:
    found = ended("tools").diagnosis
    assert found
    said = "\n".join(" ".join(line.split()) for line in printed(diagnosis_table(found)).splitlines())
    main = next(arm for probe in found.probes if probe.name == "oracle_tool" for arm in probe.arms)
    assert f"tool {main.name} {100 * main.before:.1f}% {100 * main.after:.1f}%" in said
    assert "not run: the task names no documents (knowledge:)" in said
    for cause in found.attribution:
        assert f"{cause.cause} {cause.flipped} {100 * cause.share:.1f}%" in said
    assert all(line in " ".join(said.split()) for probe in found.probes for line in probe.said)


def test_rungs_that_need_not_be_tried_are_told_with_their_reason(ended: Ended) -> None:
    found = ended("documents").diagnosis
    assert found
    assert "r5_full need not be tried: hopeless" in printed(diagnosis_table(replace(found, skips={"r5_full": "hopeless"})))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_diagnosis_fits_the_terminal_and_its_letters(ended: Ended, width: int) -> None:
    found = ended("tools").diagnosis
    assert max(map(len, printed(diagnosis_table(found), width).splitlines())) <= width
    printed(diagnosis_table(found), width, "ascii").encode("ascii")
