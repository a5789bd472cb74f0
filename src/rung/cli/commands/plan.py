"""`rung plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table, watching
from rung.cli.words import finding_lines
from rung.errors import UserError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rung.parts import ToolSet


TITLES = ("rung", "runs", "build", "gate, if it passes", "climb, if it ends here", "GB", "why")


@click.command(epilog=example("rung plan tasks/tone/task.yaml"))
@click.argument("task", type=click.Path(path_type=Path))
@json_option
def command(task: Path, as_json: bool) -> int:
    """Say what climbing TASK will run, take, and be able to prove.

    Says what each step takes as expected (and at least and at most, where that depends on what comes out), how much memory, what a
    paid base will cost, and what the test split can and cannot prove. What is answered already costs nothing. Measures this machine
    for some twenty seconds, once, and looks at no test row. A server is asked a dozen questions of a few tokens, to see what it
    does. Exits with 2 where the test split is too small for its bar.
    """
    from rung.climb.outlook.plan import plan
    from rung.climb.registered_base import load_task
    from rung.registry.home import open_home

    with open_home(write=True) as home, watching() as progress:
        with progress.stage(f"Reading {task}"):
            locked = load_task(task, home)
        document = plan(locked, home, progress=progress)
    if as_json:
        print_json(document)
    else:
        show(*finding_lines(locked.findings))
        _show(document)
        show(*_tool_lines(locked.tools) if locked.tools else [])
        show(*[f"Next: rung climb {task}"] if not document["problem"] else [])
    return UserError.exit_code if document["problem"] else 0


def _show(document: dict[str, Any]) -> None:
    rows = ", ".join(f"{count:,} {name}" for name, count in document["rows"].items())
    rungs = [
        (
            rung["title"],
            "yes" if rung["will_run"] else "no",
            _spread(rung["build_s"]),
            _spread(rung["gate_s"]),
            _spread(rung["climb_s"]),
            _figure(rung["memory_gb"]),
            rung["reason"],
        )
        for rung in document["rungs"]
    ]
    show(f"{document['name']}: {rows} rows. What the test split can and cannot prove:")
    show(*[f"  {line['text']}" for line in document["card"]])
    show(*[f"  {line}" for line in document["ledger"]["lines"]])
    show(*[line["text"] for line in document["trials"]])
    show(*_server_lines(document["server"]))
    show(table(TITLES, rungs, numbers=["GB"]))
    show(*[f"{rung['title']}: {rung['remark']}." for rung in document["rungs"] if rung["remark"]])
    show(*_whole(document))
    if document["problem"]:
        show(f"It cannot be climbed as it is: {document['problem']}")


def _whole(document: dict[str, Any]) -> list[str]:
    """What the whole climb takes and costs, at least and at most, and what is not known."""
    from rung.climb.outlook.words import costs, spread
    from rung.json_form import from_json
    from rung.registry.predictions import Prediction

    if document["prediction"] is None:
        return []
    prediction = from_json(Prediction, document["prediction"])
    missing = prediction.step("diagnosed")
    probes = ", ".join(name for name, reason in document["probes"].items() if not reason)
    memory = f", {_figure(document['memory_gb'])} GB of memory" if document["memory_gb"] else ""
    whole = prediction.ends[-1].amount
    if not prediction.timed:
        count = whole.answers
        lines = [
            f"If no rung passes: about {count.expected:,.0f} answers, at most {count.most:,.0f}; how fast they come is not known."
        ]
        return [*lines, f"Where no cheap rung passes, it is asked what is missing: {probes}."]
    lines = [f"If no rung passes: {spread(whole.seconds)}{memory}."]
    if missing:
        lines.append(f"Where no cheap rung passes, it is asked what is missing, {spread(missing.amount.seconds)}: {probes}.")
    minutes = document["limits"]["minutes"]
    if minutes is not None and whole.seconds.most > 60 * minutes:
        lines.append(f"The task allows {minutes:g} minutes (limits.minutes): once they are used up no further rung is begun.")
    lines += costs(prediction, document["limits"]["usd"])
    return [*lines, *[f"{note[:1].upper()}{note[1:]}." for note in prediction.notes]]


def _spread(span: dict[str, float] | None) -> str | None:
    from rung.climb.outlook.words import spread
    from rung.parts import Span

    return None if span is None else spread(Span(**span))


def _server_lines(finding: dict[str, Any] | None) -> list[RenderableType]:
    """What the check of a server found."""
    if finding is None:
        return []
    from rung.engine.http.finding import ServerFinding, finding_rows
    from rung.json_form import from_json

    found = from_json(ServerFinding, finding)
    took = f"Checked in {found.seconds:.1f} s by {found.requests} questions of a few tokens; every question is put as it was found:"
    return [took, table(["server", "found"], finding_rows(found))]


def _tool_lines(toolset: ToolSet) -> list[str]:
    """What each tool is taken for: a docstring that was forgotten shows here."""
    lines = []
    for tool in toolset.tools:
        runs = "its calls run" if tool.consequence in toolset.unattended else "its calls are queued for a person, not run"
        blind = "" if tool.description else "; it has no docstring, so that the model does not know what it does"
        lines.append(f"tool {tool.name}: {tool.consequence}, {runs}{blind}")
    return lines


def _figure(value: float | None) -> str | None:
    if value is None:
        return None
    return "< 0.1" if value < 0.1 else f"{value:.1f}"
