"""`rung init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, watching
from rung.json_form import as_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rung.propose.columns.undecided import Undecided
    from rung.propose.columns.wanted import Wanted
    from rung.propose.profile import Profile
    from rung.propose.propose import Proposal

FILE = ("format", "shape", "rows", "usable", "columns", "group", "encoding", "names", "where")
SHOWN = (*FILE, "kind", "classes", "scorer", "config", "split", "leave_out", "instruction", "remarks")


@click.command(epilog=example("rung init reviews.csv --out task.yaml"))
@click.argument("file")
@click.option("--out", type=click.Path(path_type=Path), default="task.yaml", show_default=True, help="The task file to write.")
@click.option("--base", help="The model to change, as in a task file: pip:package, hf:org/model@revision, a folder, an address.")
@click.option("--input", "asked", default="", help="What is asked: a column, several with commas, or a template with {column}.")
@click.option("--target", default="", help="The answer: a column, or several with commas.")
@click.option("--scorer", default="", help="How answers are compared, by the scorer's name.")
@click.option("--format", "layout", default="", help="How FILE is laid out: csv, tsv, ..., or keys: header=false,delimiter=;.")
@click.option("--explain", is_flag=True, help="Say why, for everything that was inferred.")
@click.option("--draft", is_flag=True, help="Where something cannot be told, write the file with TO DO in that line.")
@json_option
def command(file: str, out: Path, base: str | None, as_json: bool, explain: bool, draft: bool, **said: str) -> None:
    """Look at FILE, your data, and write a task file for it.

    FILE is JSONL, JSON, CSV, TSV or Parquet, a workbook, an archive, a folder, a table (file.db#table, postgresql://...), or an
    hf:, pip: or npm: reference. The task file says what was found, what was guessed and what its test split can
    prove, and searches as widely as this machine can in minutes, which is measured once where the base is here. In a terminal it
    asks what the file cannot tell; elsewhere it names the options that say it. Never overwrites a file.
    """
    from rung.climb.outlook.pace import pace_of
    from rung.data.read.source import read_once
    from rung.propose.columns.undecided import Undecided
    from rung.propose.propose import Draft, propose, refuse_existing
    from rung.registry.home import default_path
    from rung.rungs.base import plan_of_alpha
    from rung.task.keys import DEFAULT_BASE

    refuse_existing(out)
    wanted, downloads = _wanted(said), default_path() / "downloads"
    with read_once():
        try:
            profile = _looked_at(file, wanted, downloads, may_ask=not (as_json or draft))
        except Undecided as error:
            if not draft:
                raise
            _drafted(error, file, wanted, out, base, as_json)
            return
        with watching() as progress, progress.stage("Trying the task"):
            pace = pace_of(base or DEFAULT_BASE, default_path(), progress)
            proposal = propose(Draft(profile=profile, out=out, base=base, downloads=downloads, alpha=plan_of_alpha, pace=pace))
    if as_json:
        print_json(_document(proposal))
    else:
        _show(proposal, explain)


def _wanted(said: Mapping[str, str]) -> Wanted:
    from rung.propose.columns.wanted import Wanted
    from rung.propose.layout_option import read_layout

    return Wanted(
        input=said["asked"],
        target=said["target"],
        scorer=said["scorer"],
        layout=read_layout(said["layout"]) if said["layout"] else None,
    )


def _looked_at(file: str, wanted: Wanted, downloads: Path, *, may_ask: bool) -> Profile:
    """The file's profile, with what its user answers where it does not say what is what."""
    from rung.cli.asking import ask, is_terminal
    from rung.data.read.reference import DataReference
    from rung.propose.columns.undecided import Undecided
    from rung.propose.profile import look_at

    while True:
        try:
            with watching() as progress, progress.stage(f"Looking at {DataReference.read(file, Path()).name}"):
                return look_at(file, wanted, downloads)
        except Undecided as error:
            if not (may_ask and error.candidates and is_terminal()):
                raise
            wanted = ask(error, wanted)


def _drafted(error: Undecided, file: str, wanted: Wanted, out: Path, base: str | None, as_json: bool) -> None:
    from rung.propose.draft_file import write_draft

    write_draft(error, file, wanted, out, base)
    if as_json:
        print_json({"out": str(out), "draft": True, "problem": error.problem, "candidates": [c.name for c in error.candidates]})
        return
    show(
        f"{error.problem.capitalize()}. {error.hint}",
        "",
        f"Written as a draft: {out}",
        f"Next: fill in TO DO, then rung plan {out}",
    )


def _document(proposal: Proposal) -> dict[str, Any]:
    profile = proposal.profile
    findings = [as_json(finding) for finding in profile.findings]
    seen = {name: getattr(profile, name) for name in SHOWN} | {"columns": profile.columns.named() or None}
    return {
        "out": str(proposal.out),
        "at_least": proposal.at_least,
        "card": proposal.card,
        "trials": proposal.trials,
        **seen,
        "header": profile.header,
        "shown_rows": [as_json(row) for row in proposal.ending.rows],
        "made_up": [as_json(answer) for answer in proposal.ending.answers],
        "change": [as_json(inference) for inference in proposal.ending.change],
        "inferences": [as_json(inference) for inference in profile.inferences],
        "findings": findings,
    }


def _show(proposal: Proposal, explain: bool) -> None:
    from rung.propose.ending import lines_of
    from rung.propose.task_file import plain, printable, seen

    profile, out = proposal.profile, proposal.out
    show(
        *seen(profile),
        "",
        f"Scorer {profile.scorer}, bar {proposal.at_least:g} (yours to set). What the test split can and cannot prove:",
    )
    show(*[f"  {line}" for line in proposal.card])
    show(*map(plain, proposal.trials), "")
    show(*map(printable, lines_of(proposal.ending)))
    if explain:
        show("", "Why:", *[f"  {plain(inference.line())}" for inference in profile.inferences])
    show("", f"Written: {out}", f"Next: rung plan {out}, then rung climb {out}")
