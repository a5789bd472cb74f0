"""What a climb says of its time: how long it will take when it begins, what is left while it works, what it took at the end."""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.climb.allotting import part_by
from rung.climb.decide import Build, Diagnose, Gate, Measure, Simplify
from rung.climb.decide import Step as Next
from rung.climb.facts import Built, Foreseen
from rung.climb.ledger import plan_of
from rung.climb.outlook.foresight import Known, sum_of, through, titles
from rung.climb.outlook.gate import of_score, with_test
from rung.climb.outlook.words import answers, duration, money, remaining
from rung.engine.bases.resolve import resolve
from rung.errors import RungError
from rung.registry.predictions import Prediction, Step, Took, When, step_of
from rung.verify.alpha import spends
from rung.verify.foresight import line_before

if TYPE_CHECKING:
    from rung.climb.outlook.predict import Asked, Means
    from rung.climb.record import Record
    from rung.climb.steps import Climb
    from rung.engine.bases.resolve import Base
    from rung.verify.foresight import Foresight as DevSays

# A step that takes less is not worth a line before it begins.
WORTH_A_LINE_S = 20.0
# What takes less at most is not foretold anew: nobody waits for it.
WORTH_TELLING_ANEW_S = 2.0
# Rows that a checkpoint's score rests on, where it does not say.
DEV_ROWS_OF_A_CHECKPOINT = 100


class Outlook:
    """Says what a climb will take, and says it anew once more is known: what each rung is, and what dev says of it.

    The machine, where it had to be measured, and the questions whose tokens are counted are kept as long as the climb is under way.
    """

    def __init__(self, climb: Climb) -> None:
        self.climb = climb
        self._means: Means | None = None
        self._told_at = 0

    def foretell(self) -> None:
        """Predicts the steps that are left, keeps that, and says it. A climb whose time cannot be told goes on without."""
        record, progress = self.climb.record, self.climb.progress
        try:
            fresh = self._first()
        except RungError as error:
            progress.note(f"How long it will take is not known: {error.problem}")
            return
        self._keep(fresh, _done(record))
        for line in begins(record, fresh):
            progress.note(line)

    def before(self, step: Next) -> str:
        """What is said of a step that is about to be taken; "" where it is short, or nothing is known of it."""
        record, key = self.climb.record, key_of(step)
        if self._told_at < self._facts and self._is_long(key):
            self._anew(_done(record))
        prediction = record.foreseen
        first = f"allotted/{step.rung}" if isinstance(step, Gate) else key
        here = prediction.step(first) if prediction else None
        if prediction is None or here is None or not prediction.timed or here.amount.seconds.expected < WORTH_A_LINE_S:
            return ""
        title = f"{titles().get(here.rung, '')}: {here.title}".removeprefix(": ")
        left = remaining(_left(record, prediction))
        return f"Next, {title}: about {duration(here.amount.seconds.expected)}" + (f". In all {left} are left" if left else "")

    def at_gate(self, rung: str) -> None:
        """Once dev says what a rung's chance is: how many test rows that will take."""
        key, prediction = f"judged/{rung}", self.climb.record.foreseen
        if prediction is not None and not self.climb.record.has(key) and self._is_long(key):
            self._anew(frozenset(step.key for step in prediction.steps if step.key != key))

    @property
    def _facts(self) -> int:
        """How much that moves what is left was found out: what is built, what is judged, but of what answers in no time."""
        record = self.climb.record
        return sum(self._is_long(f"judged/{rung}") for rung in (*record.built, *record.judged))

    def _is_long(self, key: str) -> bool:
        """Whether what is known better now could make a difference to anybody."""
        step = self.climb.record.foreseen.step(key, "pass") if self.climb.record.foreseen else None
        return step is not None and step.amount.seconds.most >= WORTH_TELLING_ANEW_S

    def _first(self) -> Prediction:
        from rung.climb.outlook import speeds
        from rung.climb.outlook.predict import means_of

        climb, before = self.climb, self.climb.record.foreseen
        base = resolve(climb.task.base, climb.home.path, blobs=climb.home.blobs)
        if before and base.kind == "local" and speeds.kept_machine(climb.home.path, base) is None:
            # What was not worth keeping is not measured again each time that a climb goes on.
            return replace(before, measured_s=0.0)
        with self._asked(base) as asked:
            self._means = means_of(asked)
            return self._predicted(asked, self._means, _done(climb.record))

    def _anew(self, done: Container[str]) -> None:
        if self._means is None:
            return
        climb = self.climb
        base = resolve(climb.task.base, climb.home.path, blobs=climb.home.blobs)
        with self._asked(base) as asked, suppress(RungError):
            self._keep(self._predicted(asked, self._means, done), done)

    def _predicted(self, asked: Asked, means: Means, done: Container[str]) -> Prediction:
        from rung.climb.outlook.predict import Done, predict

        found, priced = predict(asked, means, done=Done(known=_known(self.climb), keys=done, begun=_begun(self.climb)))
        self._means = replace(means, machine=priced.machine, reader=means.reader.anew(), measured_s=0.0)
        return found

    @contextmanager
    def _asked(self, base: Base) -> Iterator[Asked]:
        from rung.climb.outlook.predict import Asked

        climb, lock = self.climb, self.climb.record.lock
        try:
            yield Asked(
                judging=climb.gate_task,
                context=climb.context("outlook"),
                base=base,
                home=climb.home,
                alpha=plan_of(climb),
                skipped={rung.name: rung.skipped for rung in lock.rungs},
                server=lock.server,
            )
        finally:
            shutil.rmtree(climb.work("outlook"), ignore_errors=True)

    def _keep(self, fresh: Prediction, done: Container[str]) -> None:
        """What is said of the steps that are done stays what was said before."""
        before = self.climb.record.foreseen
        keys = dict.fromkeys(step.key for step in (*(before.steps if before else ()), *fresh.steps))
        told = {key: before.steps if before and key in done else fresh.steps for key in keys}
        steps = tuple(step for key in keys for step in told[key] if step.key == key)
        first = self.climb.record.said_first or (steps if before is None else ())
        self.climb.record.add(Foreseen(prediction=replace(fresh, steps=steps), first=tuple(first)))
        self._told_at = self._facts


def _done(record: Record) -> frozenset[str]:
    """The keys of the steps that were taken, of those that were foreseen."""
    return frozenset(step.key for step in record.foreseen.steps if _is_done(record, step)) if record.foreseen else frozenset()


def _begun(climb: Climb) -> dict[str, int]:
    """Steps of training that each rung had taken when it was interrupted."""
    begun = [name for name in climb.record.lock.names if name not in climb.record.built and climb.work(name).exists()]
    if not begun:
        return {}
    from rung.train.resume import steps_done

    return {name: steps_done(climb.work(name)) for name in begun}


def _known(climb: Climb) -> dict[str, Known]:
    """What was found out of each rung that is built."""
    plan, line = plan_of(climb), line_before(climb.task)
    found = {}
    for rung in climb.record.built:
        says = _says(climb, rung, line)
        part = climb.record.allotted[rung].part if rung in climb.record.allotted else None
        if part is None and rung in plan.rungs and says is not None:
            part = part_by(climb, rung, says)
        alpha = None if part is None else spends(plan.alpha, part)
        found[rung] = Known(candidate=climb.candidate(rung), dev=says, alpha=alpha)
    return found


def _says(climb: Climb, rung: str, line: float | None) -> DevSays | None:
    """What dev says of a rung's score, and test where it was judged; None where neither says anything of the bar."""
    record = climb.record
    if line is None:
        return None
    allotted, judged, told = record.allotted.get(rung), record.judged.get(rung), _dev_score(record.built[rung])
    dev = allotted.dev if allotted else of_score(*told, line) if told else None
    if dev is None or judged is None or judged.verdict.estimate is None or not climb.task.quality.plain:
        return dev
    return with_test(dev, judged.verdict.estimate, judged.verdict.n)


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
    told = prediction if prediction and prediction.timed else None
    for took, when in _taken(record):
        last, first = (step_of(steps, took.key, when) for steps in ((told.steps, record.said_first) if told else ((), ())))
        predicted, at_first = (step.amount.seconds if step else None for step in (last, first))
        found.append(replace(took, predicted=predicted, first=at_first, expected_rows=last.rows if last else None))
    return tuple(found)


def _taken(record: Record) -> Iterator[tuple[Took, When]]:
    """Each step as it went, nothing said of it yet, and how it ended."""
    for rung in record.lock.names:
        if built := record.built.get(rung):
            yield _as_taken(built.key, rung, "build", built.seconds), ""
        if allotted := record.allotted.get(rung):
            yield _as_taken(allotted.key, rung, "its chance by dev", allotted.seconds), ""
        if judged := record.judged.get(rung):
            yield replace(_as_taken(judged.key, rung, "gate", judged.seconds), rows=judged.verdict.n), judged.status
    if record.diagnosis:
        yield _as_taken(record.diagnosis.key, "", "what is missing", record.diagnosis.record.seconds or 0.0), ""
    for rung, simplified in record.simplified.items():
        tried = [tried.judged for tried in record.tried if tried.rung == rung]
        taken = _as_taken(simplified.key, rung, "cheaper forms", sum(judged.seconds for judged in tried))
        yield replace(taken, rows=sum(judged.verdict.n for judged in tried)), ""
    for rung, measured in record.measured.items():
        yield _as_taken(measured.key, rung, "all of dev", measured.seconds), ""


def _as_taken(key: str, rung: str, title: str, seconds: float) -> Took:
    return Took(key=key, rung=rung, title=title, predicted=None, seconds=seconds)


def predicted_in_all(record: Record, end: str) -> float | None:
    """Seconds that a climb which ends so was said to take; None where nothing was said."""
    prediction = record.foreseen
    if prediction is None or not prediction.timed:
        return None
    rungs = [rung.name for rung in record.lock.rungs if not rung.skipped]
    return sum_of(through(prediction.steps, rungs, end)).seconds.expected
