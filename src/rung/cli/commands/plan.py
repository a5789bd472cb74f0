"""`rung plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rung.cli.output import example, json_option, print_json, show, table, watching


@click.command(epilog=example("rung plan tasks/tone/task.yaml"))
@click.argument("task", type=click.Path(path_type=Path))
@json_option
def command(task: Path, as_json: bool) -> None:
    """Say what climbing TASK will run, take, and be able to prove.

    Gives minutes and memory for each rung, and what the gate can and cannot prove. Measures this machine for up to a minute,
    spends nothing, and looks at no gate row.
    """
    from rung.climb.plan import plan
    from rung.registry.home import open_home
    from rung.verify.spec import load_task

    with open_home(write=True) as home, watching() as progress:
        with progress.stage(f"Reading {task}"):
            locked = load_task(task, home.downloads)
        document = plan(locked, home, progress=progress)
    if as_json:
        print_json(document)
    else:
        _show(document)


def _show(document: dict[str, Any]) -> None:
    rows = [
        (
            rung["rung"],
            "yes" if rung["will_run"] else "no",
            _figure(rung["minutes"]),
            _figure(rung["memory_gb"]),
            rung["reason"],
        )
        for rung in document["rungs"]
    ]
    show(*[line["text"] if isinstance(line, dict) else str(line) for line in document["card"]])
    show(table(["rung", "runs", "minutes", "GB", "why"], rows, numbers=["minutes", "GB"]))
    show(f"If every rung is needed: {_figure(document['minutes'])} minutes, {_figure(document['memory_gb'])} GB of memory.")


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
