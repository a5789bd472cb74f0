"""`rung diagnose`."""

from __future__ import annotations

from pathlib import Path

import click

from rung.cli.output import example, json_option, print_json, show, watching
from rung.cli.words import finding_lines


@click.command(epilog=example("rung diagnose tasks/ledger/task.yaml"))
@click.argument("task", type=click.Path(path_type=Path))
@json_option
def command(task: Path, as_json: bool) -> None:
    """Say what TASK's base is missing: format, demonstrations, knowledge, a tool, a skill, or sound labels.

    Changes one thing at a time about how the base is asked (a linear model in its place, the output held to its form, worked rows,
    the right document, the right tool's result) and says what lifts its score on dev, and which rung would mend that. Looks at no
    test row. What was asked is kept: a climb does not ask it again.
    """
    from rung.climb.diagnosis.diagnose import diagnose
    from rung.climb.registered_base import load_task
    from rung.json_form import as_json as plain
    from rung.registry.home import open_home
    from rung.report.missing import diagnosis_table

    with open_home(write=True) as home, watching() as progress:
        with progress.stage(f"Reading {task}"):
            locked = load_task(task, home)
        for line in finding_lines(locked.findings):
            progress.note(line)
        record = diagnose(locked, home, progress=progress).record()
    if as_json:
        print_json(plain(record))
    else:
        show(diagnosis_table(record))
