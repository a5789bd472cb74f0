"""What is missing, on the page and in a terminal: every figure that is known, and no markup of anybody else's."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from rung.report.html import page
from rung.report.missing import diagnosis_table, figures, missing


def arm(name: str, figures: tuple[float, ...], **rest: Any) -> dict[str, Any]:
    before, after, lower, upper = figures
    known = {"name": name, "before": before, "after": after, "lift": after - before, "lower": lower, "upper": upper}
    return known | {"n": 80, "flipped": 40, "broken": 1, "shows": True} | rest


def probe(name: str, cause: str, arms: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    main = arms[0] if arms else dict.fromkeys(("before", "after", "lift", "lower", "upper", "n"))
    told = {"name": name, "title": f"{name} <b>", "cause": cause, "state": "ran" if arms else "skipped", "reason": "", "facts": {}}
    return told | {key: main[key] for key in ("before", "after", "lift", "lower", "upper", "n")} | {"arms": arms} | rest


@pytest.fixture
def found() -> dict[str, Any]:
    sampled = {"k": 8, "rows": 32, "pass_at_1": 0.11, "pass_at_k": 0.37, "majority": 0.12}
    twins = {"pairs": 40, "agreeing": 38, "covered": 0.5, "ceiling": 0.97}
    return {
        "cause": "tool",
        "rung": "r3_tools",
        "sentence": "A tool is what is missing <script>.",
        "n": 80,
        "failures": 78,
        "bar": 0.8,
        "plain": 0.025,
        "probes": [
            probe("format", "format", [arm("lenient reading", (0.02, 0.03, -0.02, 0.05))]),
            probe("oracle_context", "knowledge", [], reason="the task names no documents (knowledge:)"),
            probe(
                "oracle_tool",
                "tool",
                [arm("the right call's result", (0.02, 0.95, 0.81, 0.97)), arm("useless", (0.02, 0, -0.1, 0.1))],
            ),
            probe("ceiling", "labels", [], facts={"near_identical": twins, "noise_share": 0.04}),
            probe("sampling", "", [], facts=sampled),
        ],
        "attribution": [
            {"cause": "format", "probe": "format", "flipped": 1, "share": 1 / 78},
            {"cause": "tool", "probe": "oracle_tool", "flipped": 74, "share": 74 / 78},
            {"cause": "unexplained", "probe": "", "flipped": 3, "share": 3 / 78},
        ],
        "skips": {"r2_retrieve": "nothing to find"},
    }


def printed(found: dict[str, Any], width: int = 140, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="")
    Console(file=file, width=width).print(diagnosis_table(found))
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_terminal_shows_every_way_that_was_asked_and_where_failures_come_from(found: dict[str, Any]) -> None:
    lines = [line.split() for line in printed(found).splitlines()]
    said = "\n".join(" ".join(line) for line in lines)
    assert "tool the right call's result 2.0% 95.0% +93.0 +81.0 to +97.0 40 1 80" in said
    assert "not run: the task names no documents (knowledge:)" in said
    assert "tool 74 94.9%" in said and "unexplained 3 3.8%" in said
    assert "r2_retrieve need not be tried: nothing to find" in said


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_terminal_and_its_letters(found: dict[str, Any], width: int) -> None:
    assert max(map(len, printed(found, width).splitlines())) <= width
    printed(found, width, "ascii").encode("ascii")


def test_the_page_draws_each_lift_with_its_bounds(found: dict[str, Any], passed: dict[str, Any]) -> None:
    whole = page(passed | {"diagnosis": found})
    part = str(missing({"diagnosis": found}))
    assert part in whole and "<script>" not in part and "&lt;script&gt;" in part
    assert 'aria-label="tool: +93.0 points, +81.0 to +97.0 points"' in part
    assert part.count('class="estimate"') == 3, "two probes and the key"
    assert "the task names no documents (knowledge:)" in part
    assert "A right answer at the first try: 11.0%; among 8 tries: 37.0%" in part


def test_a_climb_that_was_not_diagnosed_has_no_such_part(passed: dict[str, Any]) -> None:
    assert missing(passed) == "" and "What is missing" not in page(passed)


def test_figures_that_are_not_known_are_not_told() -> None:
    assert figures({"facts": {}}) == [] and figures({"facts": {"repeated": {"pairs": 0}}}) == []
