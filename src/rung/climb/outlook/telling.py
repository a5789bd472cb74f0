"""What a climb says of its time: how long it will take when it begins, what is left while it works, what it took at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.climb.decide import Build, Diagnose, Gate, Measure, Simplify
from rung.climb.decide import Step as Next
from rung.climb.facts import Built, Foreseen
from rung.climb.ledger import plan_of
from rung.climb.outlook.foresight import sum_of, through, titles
from rung.climb.outlook.gate import rows_known
from rung.climb.outlook.words import answers, duration, money, remaining
from rung.errors import RungError
from rung.registry.predictions import Prediction, Step, Took, When

if TYPE_CHECKING:
    from rung.climb.record import Record
    from rung.climb.steps import Climb

# A step that takes less is not worth a line before it begins.
WORTH_A_LINE_S = 20.0
# Rows that a checkpoint's score rests on, where it does not say.
DEV_ROWS_OF_A_CHECKPOINT = 100


def foretell(climb: Climb) -> None:
    """Predicts the steps that are left, keeps that, and says it. A climb whose time cannot be told goes on without a prediction."""
    try:
        fresh = _predicted(climb)
    except RungError as error:
        climb.progress.note(f"How long it will take is not known: {error.problem}")
        return
    before = climb.record.foreseen
    done = {step.key for step in before.steps if _is_done(climb.record, step)} if before else set[str]()
    said = [step for step in before.steps if step.key in done] if before else []
    steps = (*said, *(step for step in fresh.steps if step.key not in done))
    climb.record.add(Foreseen(prediction=replace(fresh, steps=steps)))
    for line in begins(climb.record, fresh):
        climb.progress.note(line)


def _predicted(climb: Climb) -> Prediction:
    from rung.climb.outlook import speeds
    from rung.climb.outlook.predict import Asked, predict
    from rung.engine.bases.resolve import resolve

    lock, before = climb.record.lock, climb.record.foreseen
    base = resolve(climb.task.base, climb.home.path, blobs=climb.home.blobs)
    if before and base.kind == "local" and speeds.kept_machine(climb.home.path, base) is None:
        # What was not worth keeping is not measured again each time that a climb goes on.
        return replace(before, measured_s=0.0)
    asked = Asked(
        judging=climb.gate_task,
        context=climb.context("outlook"),
        base=base,
        home=climb.home,
        alpha=plan_of(climb),
        skipped={rung.name: rung.skipped for rung in lock.rungs},
        server=lock.server,
    )
    try:
        return predict(asked)[0]
    finally:
        shutil.rmtree(climb.work("outlook"), ignore_errors=True)


def begins(record: Record, prediction: Prediction) -> Iterator[str]:
    """What is said of the time when a climb begins or goes on."""
    if prediction.measured_s >= 1:
        yield f"Measured how fast this machine answers, in {duration(prediction.measured_s)}; that is kept for the next climb."
    if not prediction.timed:
        yield f"It will ask {answers(_left(record, prediction))}."
    elif line := remaining(_left(record, prediction)):
        yield f"It will take {line}."
    if line := money(prediction):
        yield line
    yield from (f"{note[:1].upper()}{note[1:]}." for note in prediction.notes)


def before(climb: Climb, step: Next) -> str:
    """What is said of a step that is about to be taken; "" where it is short, or nothing is known of it."""
    if isinstance(step, Gate):
        refine(climb, step.rung)
    record = climb.record
    key, prediction = key_of(step), record.foreseen
    here = prediction.step(key) if prediction else None
    if prediction is None or here is None or not prediction.timed or here.amount.seconds.expected < WORTH_A_LINE_S:
        return ""
    title = f"{titles().get(here.rung, '')}: {here.title}".removeprefix(": ")
    left = remaining(_left(record, prediction))
    return f"Next, {title}: about {duration(here.amount.seconds.expected)}" + (f". In all {left} are left" if left else "")


def refine(climb: Climb, rung: str) -> None:
    """Once a rung is built its score on dev is known: says anew, before its gate, how many test rows that will take."""
    prediction, score = climb.record.foreseen, _dev_score(climb.record.built[rung])
    plan = plan_of(climb)
    rows = rows_known(climb.gate_task, plan.equal, *score) if rung in plan.rungs and score else None
    if prediction is None or rows is None:
        return
    key, total = f"judged/{rung}", len(climb.gate_task.split("test"))
    steps = tuple(_with_rows(step, rows, total) if step.key == key else step for step in prediction.steps)
    climb.record.add(Foreseen(prediction=replace(prediction, steps=steps)))


def _with_rows(step: Step, rows: float, total: int) -> Step:
    """The same step with so many rows expected: its seconds between those at least and at most are in proportion to its rows."""
    answers, seconds = step.amount.answers, step.amount.seconds
    if answers.most <= answers.least:
        return step
    share = min(1.0, max(0.0, (rows * answers.most / total - answers.least) / (answers.most - answers.least)))
    told = {
        name: replace(span, expected=span.least + share * (span.most - span.least))
        for name, span in (("seconds", seconds), ("answers", answers))
    }
    return replace(step, amount=replace(step.amount, **told))


def _dev_score(built: Built) -> tuple[float, int] | None:
    """The mean and the rows of what was chosen, as it told while it was built; None where it told none."""
    for trial in built.recorded("trial"):
        if trial.get("chosen") and trial.get("mean") is not None:
            return float(trial["mean"]), int(trial["n"])
    scores = [float(line["dev_score"]) for line in built.recorded("history") if line.get("dev_score") is not None]
    return (max(scores), DEV_ROWS_OF_A_CHECKPOINT) if scores else None


def key_of(step: Next) -> str:
    """The key of the fact that will come of it."""
    match step:
        case Build(rung):
            return f"built/{rung}"
        case Gate(rung):
            return f"judged/{rung}"
        case Diagnose():
            return "diagnosed"
        case Simplify(rung):
            return f"simplified/{rung}"
        case Measure(rung):
            return f"measured/{rung}"
        case _:
            return ""


def _left(record: Record, prediction: Prediction) -> list[tuple[str, Sequence[Step]]]:
    """For every rung that may still be the first to pass, and for none, its title and the steps that are left until the end."""
    rungs = [rung.name for rung in record.lock.rungs if not rung.skipped]
    passed = next((rung for rung in rungs if rung in record.judged and record.judged[rung].status == "pass"), None)
    open_still = [passed] if passed else [rung for rung in rungs if rung not in record.judged]
    named = titles()
    ends = [(named[rung], rung) for rung in open_still] + ([] if passed else [("", "")])
    found: list[tuple[str, Sequence[Step]]] = []
    for title, end in ends:
        steps = [step for step in through(prediction.steps, rungs, end) if not _is_done(record, step)]
        found.append((title, steps))
    return found


def _is_done(record: Record, step: Step) -> bool:
    return record.has(step.key)


def took(record: Record) -> tuple[Took, ...]:
    """Every step that was taken, in the climb's order, with what was said of it before."""
    prediction, found = record.foreseen, []
    for key, rung, title, when, seconds in _taken(record):
        step = prediction.step(key, when) if prediction and prediction.timed else None
        found.append(Took(key=key, rung=rung, title=title, predicted=step.amount.seconds if step else None, seconds=seconds))
    return tuple(found)


def _taken(record: Record) -> Iterator[tuple[str, str, str, When, float]]:
    """Key, rung, title, ending and seconds of each."""
    for rung in record.lock.names:
        if built := record.built.get(rung):
            yield built.key, rung, "build", "", built.seconds
        if judged := record.judged.get(rung):
            yield judged.key, rung, "gate", judged.status, judged.seconds
    if record.diagnosis:
        yield record.diagnosis.key, "", "what is missing", "", record.diagnosis.record.seconds or 0.0
    for rung, simplified in record.simplified.items():
        seconds = sum(tried.judged.seconds for tried in record.tried if tried.rung == rung)
        yield simplified.key, rung, "cheaper forms", "", seconds
    for rung, measured in record.measured.items():
        yield measured.key, rung, "all of dev", "", measured.seconds


def predicted_in_all(record: Record, end: str) -> float | None:
    """Seconds that a climb which ends so was said to take; None where nothing was said."""
    prediction = record.foreseen
    if prediction is None or not prediction.timed:
        return None
    rungs = [rung.name for rung in record.lock.rungs if not rung.skipped]
    return sum_of(through(prediction.steps, rungs, end)).seconds.expected
