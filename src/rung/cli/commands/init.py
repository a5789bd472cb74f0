"""`rung init`."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, watching
from rung.errors import RungError, UserError

if TYPE_CHECKING:
    from rung.data.inspect import Profile
    from rung.types import Task

BAR_STEP = 0.05
MOST_LEFT_OUT = 0.05


@click.command(epilog=example("rung init reviews.csv --out task.yaml"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default="task.yaml", show_default=True, help="The task file to write.")
@click.option("--base", help="The model to change, as in a task file: pip:package, hf:org/model@revision, a folder, an address.")
@json_option
def command(file: Path, out: Path, base: str | None, as_json: bool) -> None:
    """Look at FILE, your data, and write a task file for it.

    FILE is JSONL, JSON, CSV, TSV or Parquet. Asks nothing: the task file says what was found, what was guessed and what its
    gate can prove. Never overwrites a file.
    """
    from rung.data.inspect import inspect_file

    refuse_existing(out)
    with watching() as progress:
        with progress.stage(f"Looking at {file}"):
            profile = inspect_file(file)
        with progress.stage("Trying the task"):
            profile = replace(profile, leave_out=_unmatchable(profile))
            at_least, card = _write(_Draft(profile=profile, out=out, base=base))
    if as_json:
        print_json(_document(profile, out, at_least, card))
    else:
        _show(profile, out, at_least, card)


def refuse_existing(out: Path) -> None:
    """Raises UserError where something stands already."""
    if out.exists():
        raise UserError("there is a file already", where=str(out), mend="Choose another with --out, or move it away.")


@dataclass(frozen=True, kw_only=True)
class _Draft:
    """A task file that is not there yet."""

    profile: Profile
    out: Path
    base: str | None

    def write(self, at_least: float, card: list[str]) -> Task:
        """Writes the text beside its place, and loads it."""
        from rung.cli.taskfile import write_task
        from rung.registry.home import default_path
        from rung.task.load import load_task

        self.file.write_text(write_task(self.profile, self.out, at_least, card, self.base), "utf-8")
        return load_task(self.file, default_path() / "downloads")

    @property
    def file(self) -> Path:
        """In the same folder, so that what it names is where it will be."""
        return self.out.with_name(f".{self.out.name}.{os.getpid()}")


def _unmatchable(profile: Profile) -> dict[str, str]:
    """Id -> why, of rows whose target the proposed scorer could never call right, where they are few; many are told as an error."""
    from rung.types import Bar
    from rung.verify.scoring import bind

    scorer = bind(Bar(scorer=profile.scorer, config=profile.config)).settle(profile.examples, profile.path.parent)
    found = {row.id: reason for row in profile.examples if (reason := scorer.check(row))}
    return found if len(found) <= MOST_LEFT_OUT * len(profile.examples) else {}


def _write(draft: _Draft) -> tuple[float, list[str]]:
    """Writes the task file, which is known to load and to be provable; returns its bar and sample-size card."""
    from rung.climb.document import card
    from rung.rungs.base import alpha_shares

    wished = draft.profile.at_least
    try:
        at_least = _provable(draft.write(wished, []), wished)
        task = draft.write(at_least, [])
        lines = [line.text for line in card(task, alpha_shares(task))]
        draft.write(at_least, lines)
        refuse_existing(draft.out)
        draft.file.rename(draft.out)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(draft.out)) from error
    except RungError as error:
        problem, where = (text.replace(str(draft.file), str(draft.out)) for text in (error.problem, error.where))
        raise type(error)(problem, where=where, mend=error.mend) from None
    finally:
        draft.file.unlink(missing_ok=True)
    return at_least, lines


def _provable(task: Task, wished: float) -> float:
    """The highest bar up to the wished one that this gate could prove. Raises UserError where it can prove none."""
    from rung.rungs.base import alpha_shares
    from rung.verify.split_size import gate_problem

    shares = alpha_shares(task)
    steps = [round(BAR_STEP * step, 2) for step in range(int(1 / BAR_STEP), 0, -1)]
    for bar in [wished, *[step for step in steps if step < wished]]:
        problem = gate_problem(replace(task, quality=replace(task.quality, at_least=bar)), shares)
        if problem is None:
            return bar
    raise UserError(f"too few rows to prove anything: {problem}", where=task.path, mend="Add more examples to the file.")


def _document(profile: Profile, out: Path, at_least: float, card: list[str]) -> dict[str, Any]:
    names = ("format", "shape", "rows", "usable", "columns", "group", "encoding", "where", "kind", "classes", "scorer", "config")
    findings = [{"check": f.check, "severity": f.severity, "message": f.message, "count": f.count} for f in profile.findings]
    said = {name: getattr(profile, name) for name in names}
    said |= {
        "split": profile.split,
        "leave_out": profile.leave_out,
        "instruction": profile.instruction,
        "remarks": profile.remarks,
        "findings": findings,
    }
    return {"out": str(out), "at_least": at_least, "card": card, **said}


def _show(profile: Profile, out: Path, at_least: float, card: list[str]) -> None:
    from rung.cli.taskfile import seen

    show(*seen(profile), "", f"Scorer {profile.scorer}, bar {at_least:g} (yours to set). What the gate can and cannot prove:")
    show(*[f"  {line}" for line in card])
    show("", f"Written: {out}", f"Next: rung plan {out}, then rung climb {out}")
