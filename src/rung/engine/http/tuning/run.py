"""A tuning from a file to a model's name: written down before each step, found again after a kill, paid once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rung.disk import write_whole
from rung.engine.http.batch.batches import Pace
from rung.engine.http.spending import TUNING, Purse
from rung.engine.http.tuning.tuner import FileGone, Job, Tuner
from rung.errors import BrokenEnvironment, UserError
from rung.json_form import as_json, from_json

# A job whose word for how it stands is not known is looked at so long.
UNKNOWN_S = 3600.0
KEPT = "tuning.json"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be tuned.

    run_digest  names it: the same file, model and settings are the same run
    name        the file's, without an ending; `data` what is in it
    body        of the job, without the file
    most_usd    what it can cost at most, `usd_per_token` what a trained token does
    """

    run_digest: str
    name: str
    data: bytes
    body: Mapping[str, Any]
    most_usd: float
    usd_per_token: float

    @property
    def key(self) -> str:
        """Under which money is put aside for it."""
        return f"{TUNING}{self.run_digest[:24]}"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is known of it: "" for what was not made yet. `is_paid`: what it cost stands in the budget."""

    run_digest: str
    file: str = ""
    job: str = ""
    is_paid: bool = False


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What came of it: the model, the tokens that were trained on (None where the provider does not say), and what that cost."""

    model: str
    job: str
    tokens: int | None
    usd: float


@dataclass(kw_only=True)
class Tuning:
    """One tuning.

    folder  where what is known of it is kept
    leaves  hears that the file is about to go out, before it does
    said    hears how the job stands
    """

    tuner: Tuner
    wanted: Wanted
    purse: Purse
    folder: Path
    leaves: Callable[[], object] = lambda: None
    said: Callable[[str], None] = lambda _words: None
    pace: Pace = field(default_factory=Pace)

    def run(self) -> Tuned:
        """Goes on where it was. Raises UserError for a job that failed or was cancelled, BudgetSpent before anything goes out where
        it could cost more than there is, BrokenEnvironment where the provider is away or says what nobody understands."""
        kept = self._kept()
        try:
            kept = self._made(kept)
            job = self._ended(kept.job)
        except KeyboardInterrupt as interrupt:
            if kept.job:
                told = f"the provider goes on with {kept.job}, and is paid for it: the same command takes up what comes of it"
                interrupt.add_note(told)
            raise
        usd = self.wanted.most_usd if job.tokens is None else job.tokens * self.wanted.usd_per_token
        if not kept.is_paid:
            self._keep(replace(kept, is_paid=True))
            self.purse.paid(self.wanted.key, usd if job.standing == "succeeded" or job.tokens else 0.0)
        if job.standing != "succeeded":
            self._drop()
            raise self._refusal(job)
        return Tuned(model=job.model, job=job.id or kept.job, tokens=job.tokens, usd=usd)

    def _made(self, kept: Kept) -> Kept:
        """The same with its job, which is looked for before it is made."""
        if kept.job:
            return kept
        if (found := self.tuner.find(self.wanted.run_digest)) is not None:
            return self._keep(replace(kept, job=str(found.get("id"))))
        self.purse.hold(self.wanted.key, self.wanted.most_usd, self.tuner.where)
        kept = kept if kept.file else self._uploaded(kept)
        try:
            job = self.tuner.create({**self.wanted.body, "training_file": kept.file}, self.wanted.run_digest)
        except FileGone:
            kept = self._uploaded(kept)
            job = self.tuner.create({**self.wanted.body, "training_file": kept.file}, self.wanted.run_digest)
        except UserError:
            self.purse.paid(self.wanted.key, 0.0)  # it was refused: nothing runs
            raise
        return self._keep(replace(kept, job=job))

    def _uploaded(self, kept: Kept) -> Kept:
        self.leaves()
        return self._keep(replace(kept, file=self.tuner.upload(self.wanted.name, self.wanted.data)))

    def _ended(self, job: str) -> Job:
        """The job once it is over. Raises BrokenEnvironment where how it stands is not known for too long."""
        wait, told, known_at = self.pace.first_s, "", time.monotonic()
        while True:
            found = self.tuner.look(job)
            if found.is_over:
                return found
            words = found.standing if found.standing != "unknown" else f"'{found.said}', which is not known here"
            if words != told:
                self.said(f"{job} is {words}")
                told = words
            if found.standing != "unknown":
                known_at = time.monotonic()
            elif time.monotonic() - known_at > UNKNOWN_S:
                problem = f"the provider says that {job} is '{found.said}', which this version of rung does not know"
                raise BrokenEnvironment(problem, where=self.tuner.where, hint=self.tuner.goes_on)
            time.sleep(wait)
            wait = min(wait * self.pace.growth, self.pace.longest_s)

    def _refusal(self, job: Job) -> UserError:
        if job.standing == "cancelled":
            hint = "Run the same command again for another one."
            return UserError(f"{job.id} was cancelled at the provider ({job.said})", where=self.tuner.where, hint=hint)
        about = f" ({', '.join(filter(None, (job.param, job.code)))})" if job.param or job.code else ""
        problem = f"{job.id} failed at the provider{about}: {job.problem or 'it does not say why'}"
        return UserError(problem, where=self.tuner.where, hint="Mend what it says, then run the same command again.")

    def _kept(self) -> Kept:
        try:
            kept = from_json(Kept, json.loads((self.folder / KEPT).read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return Kept(run_digest=self.wanted.run_digest)
        return kept if kept.run_digest == self.wanted.run_digest else Kept(run_digest=self.wanted.run_digest)

    def _keep(self, kept: Kept) -> Kept:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / KEPT, json.dumps(as_json(kept)))
        return kept

    def _drop(self) -> None:
        """A job that came to nothing is not gone on with."""
        (self.folder / KEPT).unlink(missing_ok=True)
