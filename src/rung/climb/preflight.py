"""Every reason not to begin that can be known before anything is spent, each told once, whichever command asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.climb.base_changed import note_affected
from rung.climb.baselines import baseline_problems
from rung.climb.diagnosis.probe import probe_problems
from rung.climb.fits import refuse_long_rows
from rung.climb.ledger import FRESH, at_gate, few_seen, gauge_of, planned, said, standing_of
from rung.climb.turns import refuse_strange_turns
from rung.engine.bases.base_parts import BaseChanged
from rung.errors import UserError
from rung.registry.looks import Standing
from rung.rungs.base import mending, offered
from rung.rungs.causes import KNOWLEDGE
from rung.rungs.documents import encoder_of, reranker_of, settings_of
from rung.rungs.settings import setting_problems
from rung.types import Progress, Task
from rung.verify.near_misses.words import trial_problems

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """A task with nothing against it: its base, why each rung of the ladder is left out ("" where it is not), and what the ledger
    says of its locked rows, the ids of those that do not judge (`left_out`) with it."""

    base: Base
    skipped: Mapping[str, str]
    ledger: Sequence[str]
    left_out: frozenset[str]


class HopelessSplit(UserError):
    """The locked split is so small that not even a perfect score could pass."""


def preflight(task: Task, home: Home, progress: Progress) -> Cleared:
    """Looks for all that is wrong with what was asked for. The base is fetched, and asked nothing.

    Raises UserError for settings of rungs and probes that are wrong, baselines that are not known and scorers that take wrong
    answers for right (all of them at once, with the task file's lines), for a locked split that is too small for its bars, for a
    base, an encoder or a reranker that cannot be used, and for rows that the base's chat template cannot say or the base has no
    room to read.
    """
    from rung.task.positions import error_in

    if problems := [*setting_problems(task), *probe_problems(task), *baseline_problems(task, home), *trial_problems(task)]:
        raise error_in(task.path, problems)
    skipped = {rung.name: rung.why_skipped(task) for rung in offered(task)}
    left_out = few_seen(task, home)
    _refuse_hopeless_split(at_gate(task, left_out), home)
    base = _base(task, home, progress)
    _refuse_strange_searchers(task, home, skipped, progress)
    refuse_strange_turns(task, base)
    refuse_long_rows(task, base, progress)
    return Cleared(base=base, skipped=skipped, ledger=said(task, home, left_out), left_out=left_out)


def _refuse_hopeless_split(task: Task, home: Home) -> None:
    """Of rows that were climbed on before, by what is left; never where the ledger has tests of this very kind, which are free."""
    from rung.verify.split_size import gate_problem

    standing = standing_of(task, home)
    fresh, left = (planned(task, rows) for rows in (Standing(climbs=0, spent=0.0, seen=0), standing))
    if problem := gate_problem(replace(task, alpha=fresh.alpha), fresh.shares):
        raise HopelessSplit(problem, where=task.path, hint="Give the test split more rows (data.split.test), or lower the bar.")
    problem = gate_problem(replace(task, alpha=left.alpha), left.shares) if left.number > 1 else None
    if problem and not home.looks.has_made(gauge_of(task)):
        told = f"climb {left.number} on these test rows: {problem}"
        raise HopelessSplit(told, where=task.path, hint=f"{FRESH[:1].upper()}{FRESH[1:]}.")


def _base(task: Task, home: Home, progress: Progress) -> Base:
    """The task's base; what is wrong with it is told with the task file's line."""
    from rung.engine.bases.resolve import resolve
    from rung.task.positions import place_in

    try:
        base = resolve(task.base, home.path, blobs=home.blobs, progress=progress)
        if base.kind == "local" and base.folder:
            from rung.engine.local.fitness import refuse_unfit_base, remarks
            from rung.engine.local.ways import told_of

            refuse_unfit_base(base.folder)
            for remark in (*remarks(base.folder), *told_of(base.folder)):
                progress.note(remark)
        return base
    except UserError as error:
        problem = f"{_seen_from(task.path, error.where)}: {error.problem}" if error.where else error.problem
        told = UserError(problem, where=place_in(task.path, ("base",)), hint=error.hint)
        if isinstance(error, BaseChanged):
            note_affected(told, error, home)
        raise told from None


def _refuse_strange_searchers(task: Task, home: Home, skipped: Mapping[str, str], progress: Progress) -> None:
    """The encoder and the reranker that the task names, where they will be tried: fetched, and asked nothing."""
    from rung.engine.retrieval.encoders import open_encoder
    from rung.engine.retrieval.rerank import open_reranker
    from rung.task.positions import place_in

    rung = mending(KNOWLEDGE)
    if rung is None or skipped[rung.name] or task.knowledge is None:
        return
    named = task.knowledge.encoder and set(settings_of(task).modes) != {"lexical"}
    openers = {"encoder": (encoder_of(task) if named else None, open_encoder), "reranker": (reranker_of(task), open_reranker)}
    for key, (name, opened) in openers.items():
        try:
            if name:
                opened(name, home.path, progress)
        except UserError as error:
            problem = f"{_seen_from(task.path, error.where)}: {error.problem}" if error.where else error.problem
            raise UserError(problem, where=place_in(task.path, ("knowledge", key)), hint=error.hint) from None


def _seen_from(task_file: str, where: str) -> str:
    """A path beside the task file as its user wrote it."""
    folder = Path(task_file).absolute().parent
    return str(Path(where).relative_to(folder)) if Path(where).is_relative_to(folder) else where
