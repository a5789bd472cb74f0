"""`rung forecast`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rung.cli.output import example, json_option, print_json, show, table, watching
from rung.report.text import percent

if TYPE_CHECKING:
    from rung.registry.forecasts import Costs, Forecast, LearningCurve


@click.command(epilog=example("rung forecast tasks/tone/task.yaml"))
@click.argument("task", type=click.Path(path_type=Path))
@click.option("--rung", help="Whose learning curve, by default the cheapest that learns from rows; it is built four times.")
@json_option
def command(task: Path, rung: str | None, as_json: bool) -> None:
    """Say what more labels, and more answers, would bring TASK.

    Builds the rung on an eighth, a quarter, half and all of the train rows, scores each on dev, and forecasts the score with two
    and four times the rows, and the labels that the bar would take. From a climb's record it says after how many answers each
    rung has paid for itself. A forecast proves nothing: only the gate does. Interrupt it when you like: it goes on where it
    stopped.
    """
    from rung.climb.outlook.learning_curve import draw_curve, forecast, learners
    from rung.climb.registered_base import load_task
    from rung.climb.steps import open_climb
    from rung.json_form import as_json as plain
    from rung.registry.forecasts import Forecast
    from rung.registry.home import open_home

    with open_home(write=True) as home, watching() as progress:
        with progress.stage(f"Reading {task}"):
            locked = load_task(task, home)
        climb = open_climb(locked, home, progress)
        with climb.lease:
            draw_curve(climb, rung or learners()[0])
            told = forecast(climb) or Forecast(curves=(), breakeven=None)
            if document := climb.record.document:
                climb.record.keep_document(replace(document, forecast=told))
    if as_json:
        print_json(plain(told))
    else:
        _show(told)


def _show(told: Forecast) -> None:
    for curve in told.curves:
        _show_curve(curve)
    costs = told.breakeven
    if costs is None:
        show("No break-even yet: that needs two rungs that a climb has measured (rung climb).")
        return
    priced = [(one.rung, _cost(one.once, 1, costs), _cost(one.per_answer, 1000, costs), one.unknown) for one in costs.rungs]
    show(table(["rung", "once", "1,000 answers", "not known"], priced, numbers=["once", "1,000 answers"]))
    show(*[f"  {pair.sentence}" for pair in costs.pairs])
    show(*[f"  ({note})" for note in costs.notes])


def _show_curve(curve: LearningCurve) -> None:
    measured = [(f"{point.rows:,}", percent(point.mean), "measured on dev") for point in curve.points]
    ahead = [
        (f"{one.rows:,}", percent(one.estimate), f"forecast: {percent(one.lower)} to {percent(one.upper)}") for one in curve.ahead
    ]
    show(f"{curve.title}, on {curve.n:,} dev rows. Forecasts with their {curve.level:.0%} interval:")
    show(table(["train rows", "score", ""], [*measured, *ahead], numbers=["train rows", "score"]))
    show(*[f"  {line}" for line in (curve.sentence, curve.doubt) if line])


def _cost(value: float | None, times: int, costs: Costs) -> str | None:
    if value is None:
        return None
    return f"${times * value:,.4g}" if costs.unit == "usd" else f"{times * value:,.3g} s"
