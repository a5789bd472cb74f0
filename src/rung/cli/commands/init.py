"""`rung init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, watching
from rung.json_form import as_json

if TYPE_CHECKING:
    from rung.propose.propose import Proposal

FILE = ("format", "shape", "rows", "usable", "columns", "group", "encoding", "names", "where")
SHOWN = (*FILE, "kind", "classes", "scorer", "config", "split", "leave_out", "instruction", "remarks")


@click.command(epilog=example("rung init reviews.csv --out task.yaml"))
@click.argument("file")
@click.option("--out", type=click.Path(path_type=Path), default="task.yaml", show_default=True, help="The task file to write.")
@click.option("--base", help="The model to change, as in a task file: pip:package, hf:org/model@revision, a folder, an address.")
@json_option
def command(file: str, out: Path, base: str | None, as_json: bool) -> None:
    """Look at FILE, your data, and write a task file for it.

    FILE is JSONL, JSON, CSV, TSV or Parquet. Asks nothing: the task file says what was found, what was guessed and what its
    test split can prove. Never overwrites a file.
    """
    from rung.data.read.reference import DataReference
    from rung.propose.profile import look_at
    from rung.propose.propose import Draft, propose, refuse_existing
    from rung.registry.home import default_path
    from rung.rungs.base import plan_of_alpha

    refuse_existing(out)
    with watching() as progress:
        downloads = default_path() / "downloads"
        with progress.stage(f"Looking at {DataReference.read(file, Path()).name}"):
            profile = look_at(file, downloads=downloads)
        with progress.stage("Trying the task"):
            proposal = propose(Draft(profile=profile, out=out, base=base, downloads=downloads, alpha=plan_of_alpha))
    if as_json:
        print_json(_document(proposal))
    else:
        _show(proposal)


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
        "header": profile.layout.header,
        "inferences": [as_json(inference) for inference in profile.inferences],
        "findings": findings,
    }


def _show(proposal: Proposal) -> None:
    from rung.propose.task_file import plain, seen

    profile, out = proposal.profile, proposal.out
    show(
        *seen(profile),
        "",
        f"Scorer {profile.scorer}, bar {proposal.at_least:g} (yours to set). What the test split can and cannot prove:",
    )
    show(*[f"  {line}" for line in proposal.card])
    show(*map(plain, proposal.trials))
    show("", f"Written: {out}", f"Next: rung plan {out}, then rung climb {out}")
