"""A fine-tuning job from its files to a registered model. Whatever interrupts it, the same command goes on where it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.climb import steps
from rung.climb.decide import Finish
from rung.climb.document import document
from rung.climb.ledger import few_seen, planned, standing_of
from rung.climb.preflight import HopelessSplit
from rung.climb.registered_base import load_task
from rung.climb.steps import Climb, open_climb
from rung.errors import Busy, UserError
from rung.json_form import as_json, from_json
from rung.registry.files import StoredFile
from rung.registry.names import Evidence
from rung.registry.tunings import BEGUN, CHECKPOINT, Fault, Tuning, TuningEnd
from rung.rungs.checkpoints import Checkpoint
from rung.tuning.rows import BadFile, write_rows
from rung.tuning.task_file import LEAST_BAR, TASK, trained_rungs, with_bar, write_task_file
from rung.tuning.telling import Telling
from rung.types import Progress, Task
from rung.verify.split_size import gate_problem

if TYPE_CHECKING:
    from rung.registry.home import Home

# As many as other providers keep; each is a model with a name.
KEPT_CHECKPOINTS = 3
SHOWN_FINDINGS = 10
BAR_STEPS = 20
RESULTS, RESULTS_FILE = "fine-tune-results", "step_metrics.csv"


@dataclass(frozen=True, kw_only=True)
class Won:
    """What a job's climb came to: the rung whose model it is, and whether it passed its check."""

    rung: str
    passed: bool
    sentence: str


def tune(home: Home, name: str, progress: Progress) -> None:
    """Does a job (its id), or what is left of it.

    Raises UserError for one that is not known, and for what its files or its model do not allow: that is written down as its end.
    """
    tuning = home.tunings.get(name)
    if tuning is None:
        raise UserError(f"there is no fine-tuning job {name}", hint="A server takes them; `rung jobs` lists those that wait.")
    if tuning.end is not None:
        return
    try:
        _tuned(home, tuning, progress)
    except Busy:
        raise
    except UserError as error:
        fault = _fault_of(error, tuning)
        with home.together():
            home.tunings.say(tuning.id, fault.message, level="error")
            home.tunings.finish(tuning.id, TuningEnd(fault=fault))
        raise


def _tuned(home: Home, tuning: Tuning, progress: Progress) -> None:
    task = _task(home, tuning)
    under_way = open_climb(task, home, Telling(home, tuning.id, progress))
    with under_way.lease:
        if not home.tunings.has_begun(tuning.id):
            home.tunings.say(tuning.id, "Fine-tuning job started", data=BEGUN)
        won = _climbed(under_way, tuning)
        _finish(under_way, tuning, won)
        end = Finish(under_way.record.judged[won.rung].status, won.rung if won.passed else None)
        under_way.record.keep_document(document(under_way, end, every=False))


def _task(home: Home, tuning: Tuning) -> Task:
    """The job's task, written where it is not there yet, with a bar that its rows can prove where it set none."""
    folder = home.path / "tuning" / tuning.id
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / TASK).exists():
        written = write_rows(home, tuning, folder)
        path = write_task_file(tuning, folder, written, home.downloads)
        if written.unread:
            told = f"Nothing is made of these keys of the files' lines: {', '.join(written.unread)}"
            home.tunings.say(tuning.id, told, level="warn")
        if written.both:
            told = f"{written.both} messages say something and call tools as well: their calls are learnt, their texts are not"
            home.tunings.say(tuning.id, told, level="warn")
        task = load_task(path, home)
        if tuning.asked.at_least is None:
            task = _provable(task, home, path)
        for finding in task.findings[:SHOWN_FINDINGS]:
            if finding.severity != "info":
                home.tunings.say(tuning.id, _shown(finding.message, folder), level="warn")
        return task
    return load_task(folder / TASK, home)


def _provable(task: Task, home: Home, path: Path) -> Task:
    """The task under the highest bar, up to the proposed one, that its test rows could prove as they stand."""
    wished = task.quality.at_least or LEAST_BAR
    seen = few_seen(task, home)
    judging = replace(task, examples=tuple(row for row in task.examples if row.split != "test" or row.id not in seen))
    plan = planned(judging, standing_of(judging, home))
    bars = [wished, *[step / BAR_STEPS for step in range(BAR_STEPS, 0, -1) if step / BAR_STEPS < wished], LEAST_BAR]
    for bar in bars:
        tried = replace(judging, quality=replace(task.quality, at_least=bar), alpha=plan.alpha)
        if gate_problem(tried, plan.shares) is None:
            break
    if bar != wished:
        with_bar(path, bar)
        return load_task(path, home)
    return task


def _climbed(climb: Climb, tuning: Tuning) -> Won:
    """Builds and judges the rungs that train weights, from the cheapest, until one passes."""
    locked = climb.record.lock
    rungs = [rung.name for rung in trained_rungs() if not locked.rung(rung.name).skipped]
    if not rungs:
        raise UserError("; ".join(f"{rung.name}: {locked.rung(rung.name).skipped}" for rung in trained_rungs()))
    for rung in rungs:
        if rung not in climb.record.built:
            steps.build(climb, rung)
        _tell_dropped(climb, tuning, rung)
        if rung not in climb.record.judged:
            steps.ask_dev(climb, rung)
            steps.gate(climb, rung)
        if rung not in climb.record.measured:
            steps.measure(climb, rung)
        judged = climb.record.judged[rung]
        if judged.status == "pass":
            return Won(rung=rung, passed=True, sentence=judged.verdict.reason)
    best = max(rungs, key=lambda rung: climb.record.measured[rung].mean or 0.0)
    sentence = climb.record.judged[best].verdict.reason
    if tuning.asked.at_least is not None:
        told = f"no model that was trained is shown to reach {tuning.asked.at_least:g} on the check: {sentence}"
        raise NotReached(told)
    return Won(rung=best, passed=False, sentence=sentence)


class NotReached(UserError):
    """No model reached the bar that was asked for."""


def _tell_dropped(climb: Climb, tuning: Tuning, rung: str) -> None:
    dropped = sum(figures["dropped"] for figures in climb.record.built[rung].recorded("training"))
    if dropped:
        told = f"{dropped} rows are longer than what one step takes: they were left out of the training"
        climb.home.tunings.say(tuning.id, told, level="warn")


def _finish(climb: Climb, tuning: Tuning, won: Won) -> None:
    """Registers the model under the job's name, its checkpoints beside it, and writes the job's end: all of it or nothing.

    Raises KeyboardInterrupt where the job was cancelled meanwhile: its tenant was told that it ended without a model.
    """
    home, built = climb.home, climb.record.built[won.rung]
    history = built.recorded("history")
    results = _results(history)
    digest = home.blobs.put_bytes(results)
    tokens = sum(figures["tokens"] for figures in built.recorded("training"))
    with home.together():
        if tuning.job and home.jobs.get(tuning.job).state in ("cancelling", "cancelled"):
            raise KeyboardInterrupt
        if won.passed:
            steps.register(climb, won.rung)
        else:
            claimed = f"trained by {tuning.id}, which set no bar; its check: {won.sentence}"
            home.names.register(tuning.name, built.candidate, _evidence(climb, won.rung, claimed))
        _keep_checkpoints(climb, tuning, won, history)
        made = StoredFile(id="", tenant=tuning.tenant, filename=RESULTS_FILE, purpose=RESULTS, bytes=len(results), digest=digest)
        file = home.files.add(made)
        say = home.tunings.say
        say(tuning.id, f"The check: {won.sentence}", level="info" if won.passed else "warn")
        say(tuning.id, f"New fine-tuned model created: {tuning.name}")
        say(tuning.id, "The job has successfully completed")
        home.tunings.finish(tuning.id, TuningEnd(model=tuning.name, result=file.id, tokens=tokens))


def _evidence(climb: Climb, rung: str, claimed: str) -> Evidence:
    return Evidence(climb=climb.id, rung=rung, task=climb.task.digest, data=climb.record.lock.data, claimed=claimed)


def _keep_checkpoints(climb: Climb, tuning: Tuning, won: Won, history: Sequence[Mapping[str, Any]]) -> None:
    """Gives the last checkpoints names of their own; where none was asked anything of dev, the model itself is the last one."""
    home, built = climb.home, climb.record.built[won.rung]
    found = [from_json(Checkpoint, as_json(figures)) for figures in built.recorded("checkpoint")][-KEPT_CHECKPOINTS:]
    losses = {line["step"]: line["loss"] for line in history}
    for checkpoint in found:
        home.candidates.add(checkpoint.candidate, climb.task.digest)
        name = f"{tuning.name}{CHECKPOINT}{checkpoint.step}"
        claimed = f"step {checkpoint.step} of {tuning.id}"
        home.names.register(name, checkpoint.candidate.id, _evidence(climb, won.rung, claimed))
        metrics = {"train_loss": losses[checkpoint.step], "valid_score": checkpoint.score}
        home.tunings.keep_checkpoint(tuning.id, checkpoint.step, name, metrics)
        home.tunings.say(tuning.id, f"Checkpoint created at step {checkpoint.step}: {name}")
    if not found:
        home.tunings.keep_checkpoint(tuning.id, len(history), tuning.name, {"train_loss": losses[len(history)]})


def _results(history: Sequence[Mapping[str, Any]]) -> bytes:
    """The figures of every step, as a table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "train_loss", "learning_rate", "valid_score"])
    for line in history:
        score = line["dev_score"]
        writer.writerow([line["step"], line["loss"], line["lr"], "" if score is None else score])
    return text.getvalue().encode("utf-8")


def _fault_of(error: UserError, tuning: Tuning) -> Fault:
    """Why a job failed, as its tenant is told: without the places of this home."""
    check = "validation_file" if tuning.asked.validation else "training_file"
    message = _shown(error.problem, Path(tuning.id))
    match error:
        case BadFile():
            return Fault(code=f"invalid_{error.param}", message=message, param=error.param)
        case HopelessSplit():
            return Fault(code=f"invalid_{check}", message=message, param=check)
        case NotReached():
            return Fault(code="check_failed", message=message, param=check)
    return Fault(code="training_failed", message=message, param="")


def _shown(text: str, folder: Path) -> str:
    """A text of a climb's without where the job's rows lie."""
    words = [word for word in text.split(" ") if f"/tuning/{folder.name}/" not in word]
    return " ".join(words) or "its rows cannot be used"
