"""`rung feedback`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rung.cli.output import example, json_option, print_json, show, table
from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home

SHOWN = 50


@click.command(epilog=example("rung feedback export spam --to rows.jsonl"))
@click.argument("action", required=False, type=click.Choice(["show", "export"]))
@click.argument("name", required=False)
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="With export: the file that is made.")
@json_option
def command(action: str | None, name: str | None, target: Path | None, as_json: bool) -> None:
    """Show what clients said of answers; turn their corrections into labelled rows.

    `rung feedback` lists what was said last, `rung feedback show NAME` of a name's answers (or tone@3's). `rung feedback export
    NAME --to FILE` writes a row for each answer that was corrected: the question and what should have been said, as a task's data.
    It needs the words of the question, which a server keeps only where it was told to (`rung serve --keep-text`).
    """
    from rung.registry.home import open_home

    if action and name is None:
        raise UserError("feedback on what?", hint=f"rung feedback {action} NAME")
    if (action == "export") != (target is not None):
        raise UserError("--to is for export, which needs it", hint="rung feedback export NAME --to rows.jsonl")
    with open_home() as home:
        if name is not None:
            home.candidates.get(name)  # which says what there is, where this is nothing
        if target is not None:
            _export(home, str(name), target, as_json)
        else:
            _list(home, name or "", as_json)


def _list(home: Home, name: str, as_json: bool) -> None:
    from rung.serve.tenants.told import heard_told

    heard = home.feedback.newest(ref=name, limit=1_000 if as_json else SHOWN)
    if as_json:
        print_json({"feedback": [heard_told(one) for one in heard]})
        return
    if not heard:
        show("Nothing was said yet: clients do with POST /v1/feedback.")
        return
    rows = [
        (one.created[:16].replace("T", " "), one.ref, one.word.answer, one.word.thumb or None, one.word.score, one.word.correction)
        for one in heard
    ]
    show(table(["when (UTC)", "of", "answer", "thumb", "score", "correction"], rows, numbers=["score"]))


def _export(home: Home, name: str, target: Path, as_json: bool) -> None:
    from rung.disk import write_whole
    from rung.serve.tenants.corrections import as_lines, corrections_of

    if target.exists():
        raise UserError("this file is there already", where=str(target), hint="Name one that is not: nothing is written over.")
    found = corrections_of(home, name)
    if not found.rows:
        why = f"of {found.wordless} corrected answers no question was kept" if found.wordless else "nobody has corrected an answer"
        raise UserError(f"there is no row to write: {why}", hint="rung serve --keep-text keeps the words of questions.")
    write_whole(target, as_lines(found))
    if as_json:
        print_json({"file": str(target), "rows": len(found.rows), "without_words": found.wordless})
        return
    left = f" Of {found.wordless:,} more the question was not kept." if found.wordless else ""
    show(f"{target}: {len(found.rows):,} rows.{left} Look at them, then add the file to your task's data.")
