"""Trials on dev: one change each, the simplest of those that are as good as the best, found by a race."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from rung.engine.answer import ahead
from rung.engine.backend import ContextTooLong, cached_share
from rung.rungs.base import BuildContext
from rung.types import Candidate, Example, Progress, Run, Stage
from rung.verify.choosing import Shares, counted, shares_of_run
from rung.verify.missing import remarks
from rung.verify.run import make_run, random_order
from rung.verify.silence import Heard, refuse_silence


@dataclass(frozen=True)
class Form:
    """What is tried. `extra_tokens` is what an answer costs beside its prompt, in tokens' worth."""

    name: str
    candidate: Candidate
    extra_tokens: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A Form and what it scored on the rows of dev that it was asked, the first of those that count in dev's random order.

    `shares` are its rows as the quality bar sees them: what it is chosen by. `of` is how many rows it could have been asked,
    `behind` the form that the rest of them could hardly have put it before; "" where it stayed in the race to its end.
    `cached_share` is what a prompt's token costs that was read before, as a share of one that is read anew.
    """

    form: Form
    run: Run
    shares: Shares
    of: int
    behind: str = ""
    cached_share: float = 1.0

    @property
    def name(self) -> str:
        return self.form.name

    @property
    def candidate(self) -> Candidate:
        return self.form.candidate

    @property
    def cost(self) -> float:
        """Prompt tokens an answer takes on average over all its steps, and its calls: what a cheaper trial saves.

        Of what all prompts begin with, what it costs to have read it before: as the answers tell, so that a server which keeps
        nothing, or says nothing of it, is counted in full.
        """
        told = [row.answer for row in self.run.rows if row.answer.prompt_tokens is not None]
        saved = 1.0 - self.cached_share
        tokens = [(said.prompt_tokens or 0) - saved * min(said.cached_tokens or 0, said.prompt_tokens or 0) for said in told]
        calls = sum(len(row.answer.calls) for row in self.run.rows) / max(1, len(self.run.rows))
        return (sum(tokens) / len(tokens) if tokens else float(len(self.candidate.prompt))) + calls + self.form.extra_tokens

    def figures(self, *, chosen: bool) -> dict[str, Any]:
        """For the report. What the mean is, where it is not the mean score of all rows, is said."""
        found = {"name": self.name, "mean": self.shares.mean, "n": len(self.run.rows), "of": self.of, "chosen": chosen}
        told = {"by": self.shares.by, "behind": self.behind}
        return found | {"prompt": self.candidate.prompt} | {key: text for key, text in told.items() if text}

    def told(self) -> str:
        """A line for whoever watches."""
        score = "no score" if self.shares.mean is None else f"{self.shares.mean:.1%}"
        by = f" ({self.shares.by})" if self.shares.by else ""
        left = f"; leaves, behind '{self.behind}'" if self.behind else ""
        none = "".join(f"; {remark}" for remark in remarks([row.answer for row in self.run.rows]))
        return f"{self.name}: {score} on {len(self.run.rows)} dev rows{by}{left}{none}"


@dataclass(frozen=True, kw_only=True)
class Race:
    """How a race went: the trials in the order of the forms, each over the rows that it was asked.

    `best` is what `select.one_standard_error` would have chosen of all of them on all rows, as nearly as the race knows.
    """

    trials: tuple[Trial, ...]
    best: Trial


def race(forms: Sequence[Form], context: BuildContext, dev_rows: int) -> Race:
    """The forms on the first `dev_rows` rows of dev, in rounds on the same rows; one that the rest could hardly choose leaves.

    Only rows that the quality bar is about are asked. What was asked in a race before costs nothing: its best may enter the next.
    A form that the base cannot take is told and left out; raises ContextTooLong where that is true of all.
    """
    from rung.verify.stats.race import rounds

    field = _Field(forms, context, dev_rows)
    with context.progress.stage(field.title, len(field.forms) * len(field.rows)) as stage:
        for n in rounds(len(field.rows)):
            field.ask(n, stage)
            field.refuse_silence()
            if field.settled(n, stage):
                break
    for index in field.still:
        context.progress.note(field.trials[index].told())
    return Race(trials=tuple(trial for _, trial in sorted(field.trials.items())), best=field.trials[field.best])


class _Field:
    """Forms in a race, by their place: those `still` in it, and what each has scored."""

    def __init__(self, forms: Sequence[Form], context: BuildContext, dev_rows: int) -> None:
        self.forms, self.context = _different(forms), context
        self.rows = _countable(context, dev_rows)
        self.still, self.best = list(range(len(self.forms))), 0
        self.trials: dict[int, Trial] = {}

    @property
    def title(self) -> str:
        rung = self.forms[0].candidate.rung
        return f"{rung}: {len(self.forms)} forms race on dev" if len(self.forms) > 1 else f"{rung} answers a few dev rows"

    def ask(self, n: int, stage: Stage) -> None:
        """All that are still in, on the first n rows."""
        ahead([(self.forms[index].candidate, self.rows[:n]) for index in self.still], self.context.runtime, stage)
        for index in tuple(self.still):
            try:
                self.trials[index] = _asked(self.forms[index], self.rows, n, self.context, stage)
            except ContextTooLong as error:
                if len(self.still) == 1:
                    raise
                self.still.remove(index)
                self.trials.pop(index, None)
                self.context.progress.note(f"{self.forms[index].name}: not tried: {error.problem}")

    def refuse_silence(self) -> None:
        """Raises UserError where a server has answered nothing, whatever form it was asked in."""
        trials = [self.trials[index] for index in self.still]
        refuse_silence([Heard(trial.candidate, trial.run.rows) for trial in trials], self.context.task, self.context.runtime)

    def settled(self, n: int, stage: Stage) -> bool:
        """Whether the choice is made after n rows; those that are behind leave."""
        from rung.verify.stats.race import Entrant, look

        tried = [self.trials[index] for index in self.still]
        groups = [row.group for row in self.rows]
        seen = look([Entrant(cost=trial.cost, scores=trial.shares.values) for trial in tried], groups)
        for place, rival in seen.behind.items():
            gone = self.trials[self.still[place]] = replace(tried[place], behind=tried[rival].name)
            self.context.progress.note(gone.told())
            stage.advance(len(self.rows) - n)
        self.best = self.still[seen.best]
        self.still = [index for place, index in enumerate(self.still) if place not in seen.behind]
        return seen.decided


def _different(forms: Sequence[Form]) -> list[Form]:
    """Each Candidate once, under its first name."""
    return list({form.candidate.id: form for form in reversed(forms)}.values())[::-1]


def _countable(context: BuildContext, dev_rows: int) -> Sequence[Example]:
    """The rows of dev that a trial may be asked, in dev's random order."""
    return counted(context.task, random_order(context.task, "dev")[:dev_rows])


def _asked(form: Form, rows: Sequence[Example], n: int, context: BuildContext, stage: Stage) -> Trial:
    """A form on the first n of these rows."""
    known = context.answered.setdefault(form.candidate.id, {})
    missing = {row.id for row in rows[:n]} - known.keys()
    if missing:
        run = context.measure(form.candidate, "dev", among=missing, progress=_Within(context.progress, stage))
        known |= {row.example: row for row in run.rows}
    run = make_run(context.task, form.candidate, "dev", [known[row.id] for row in rows[:n]])
    share = cached_share(context.task.prices)
    return Trial(form=form, run=run, shares=shares_of_run(context.task, run), of=len(rows), cached_share=share)


class _Within:
    """A Progress whose stages are part of one that is shown already."""

    def __init__(self, progress: Progress, stage: Stage) -> None:
        self._stage, self.note = stage, progress.note

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Stage]:
        yield self._stage


def complete(trial: Trial, context: BuildContext, dev_rows: int) -> Trial:
    """The same on all rows that it could have been asked: for what a later step learns of it row by row."""
    rows = _countable(context, dev_rows)
    if len(trial.run.rows) == len(rows):
        return trial
    with context.progress.stage(f"{trial.candidate.rung} answers the rest of dev", len(rows)) as stage:
        return _asked(trial.form, rows, len(rows), context, stage)


def record(
    trials: Sequence[Trial],
    chosen: Trial,
    context: BuildContext,
    more: Callable[[Trial], Mapping[str, Any]] = lambda _trial: {},
) -> None:
    """Keep the trials for the report, each once, with what there is `more` to say of it; and say what they took."""
    latest = {trial.candidate.id: trial for trial in sorted(trials, key=lambda trial: len(trial.run.rows))}
    for name in dict.fromkeys(trial.candidate.id for trial in trials):
        context.record("trial", latest[name].figures(chosen=name == chosen.candidate.id) | dict(more(latest[name])))
    # A calibrated form has the answers of the one that it calibrates.
    paid = {trial.candidate.asked.id: trial for trial in latest.values()}
    asked, of = sum(len(trial.run.rows) for trial in paid.values()), sum(trial.of for trial in paid.values())
    context.record("raced", {"asked": asked, "of": of})
    if asked < of:
        context.progress.note(f"{asked:,} of {of:,} dev answers asked; the rest could hardly have bettered the choice")
