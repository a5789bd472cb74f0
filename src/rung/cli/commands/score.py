"""`rung score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rung.cli.output import example, fields, json_option, print_json, show, table, watching
from rung.report.text import cut

if TYPE_CHECKING:
    from rung.verify.one_answer import ScoredAnswer

LONGEST = 300


# An answer may begin with a minus: -5 is no option.
@click.command(
    context_settings={"ignore_unknown_options": True}, epilog=example('rung score tasks/ledger/task.yaml "about 40 euros" --row 12')
)
@click.argument("task", type=click.Path(path_type=Path))
@click.argument("answer")
@click.option("--row", required=True, help="Which of TASK's rows is answered: its id, or file:line.")
@json_option
def command(task: Path, answer: str, row: str, as_json: bool) -> None:
    """Score ANSWER as if a model had given it to one of TASK's rows.

    Shows each bar's score with its reason, what was read as the final answer, and the ideal one. ANSWER - reads standard input.
    Asks no model and writes nothing down.
    """
    from rung.api import load_task
    from rung.json_form import as_json as plain
    from rung.verify.one_answer import row_of, score_one

    with watching() as progress:
        locked = load_task(task, progress=progress)
    told = score_one(locked, row_of(locked, row), sys.stdin.read() if answer == "-" else answer)
    if as_json:
        print_json(plain(told))
    else:
        _show(told)


def _show(told: ScoredAnswer) -> None:
    show(
        fields(
            {
                "row": f"{told.row} ({told.source or 'no file'}, {told.split})",
                "asked": cut(told.question, LONGEST),
                "thought": cut(told.thought, LONGEST) or None,
                "read as": cut(told.answer, LONGEST) or "an empty answer",
                "ideal": cut(told.bars[0].ideal or "", LONGEST) or None,
            }
        )
    )
    rows = [(bar.bar, bar.scorer, _figure(bar.score), _figure(bar.ideal_score), bar.reason or None) for bar in told.bars]
    show(table(["bar", "scorer", "score", "ideal's score", "why"], rows, numbers=["score", "ideal's score"]))


def _figure(score: float | None) -> str | None:
    return None if score is None else f"{score:.3g}"
