"""Hosted tuning: the provider of the base tunes it on the train rows, and is paid for it; only where the task asks for it.

What leaves this machine are the rows that are learnt from, once they were looked through for personal data and secrets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from rung.data.findings import in_rows, place, texts
from rung.data.sensitive import PERSONAL, SECRETS
from rung.errors import UserError
from rung.json_form import as_json, digest
from rung.parts import Span
from rung.rungs.asks import Answers, Ask, Buying, Foreseen
from rung.rungs.base import BuildContext, labelled
from rung.rungs.causes import SKILL
from rung.rungs.learnt_rows import learnt_rows
from rung.rungs.settings import read_settings
from rung.rungs.training import train_rows, training_start
from rung.types import Candidate, Example, Finding, Task

if TYPE_CHECKING:
    from rung.engine.http.tuning.run import Tuned, Wanted
    from rung.train.rows import TrainRow

TITLE = "hosted tuning"
UNDO = "point the name at the version before; the tuned model stays at the provider until it is deleted there"
ORDER = 45
MENDS = (SKILL,)
# It costs money, and lets rows leave this machine.
BY_REQUEST = True
NAME = "r4b_hosted"
# Providers take no file with fewer.
FEWEST = 10
SHOWN_PLACES = 5
# A token is at least a byte; of most texts four are one.
BYTES_PER_TOKEN, TOKENS_AROUND_A_ROW = 4.0, 16
# A provider's queue and training.
LEAST_S, USUAL_S, MOST_S = 300.0, 1800.0, 21_600.0
KINDS = (*PERSONAL, *SECRETS)


class Config(BaseModel):
    """The tuning, and what it costs. Without `usd_per_million_tokens` it is left out: nothing is bought that was not asked for.

    `epochs`, `batch_rows` and `learning_rate_multiplier` are the provider's to choose where they are left out; for the price
    `usual_epochs` are then counted on. `may_leave` names the kinds of personal data and secrets that may leave this machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    usd_per_million_tokens: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    epochs: int | None = Field(default=None, ge=1, le=50)
    batch_rows: int | None = Field(default=None, ge=1)
    learning_rate_multiplier: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    usual_epochs: int = Field(default=3, ge=1, le=50)
    train_rows: int | None = Field(default=None, ge=10)
    dev_rows: int = Field(default=100, ge=10)
    suffix: str = Field(default="", max_length=40)
    may_leave: tuple[str, ...] = ()

    @property
    def counted_epochs(self) -> int:
        """The epochs that the price is counted on."""
        return self.epochs or self.usual_epochs


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a tuning costs: as expected, and at most, in USD; `tokens` of one epoch as expected."""

    tokens: float
    usd: float
    most_usd: float


def applies(task: Task) -> str:
    """A server's base, where the task says what a trained token costs, and how much may be spent."""
    if not task.base_reference.is_server:
        return "the base is no provider's: it does not answer over HTTP"
    given = task.settings.get(NAME, {})
    if given.get("usd_per_million_tokens") is None:
        return f"it costs money, and the task does not ask for it (rungs: {{{NAME}: {{usd_per_million_tokens: ...}}}})"
    if task.limits.usd is None:
        return "limits.usd does not say how much may be spent"
    if any(row.tools for row in labelled(task)):
        return "rows that ask for calls of tools are not tuned on at a provider"
    rows = len(labelled(task))
    return f"a provider takes no fewer than {FEWEST} rows, and train has {rows}" if rows < FEWEST else ""


def learnt(task: Task) -> list[Example]:
    """The rows that it learns from, and that leave this machine."""
    config = _settings(task)
    return learnt_rows(task, len(labelled(task)) if config.train_rows is None else config.train_rows, config.counted_epochs)


def foresee(task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
    """What is bought, at its price."""
    config = _settings(task)
    start = _start(task, parent, context, config)
    price = _price(config, _lines(_rows(task, start, context)))
    asks: list[Ask] = []
    if parent and parent.retrieval:
        dev = Span.of(float(min(config.dev_rows, len(task.split("dev")))))
        asks += [Answers(what="with and without documents", candidate=parent, rows=dev, times=2.0)]
    asks.append(
        Buying(
            what=f"{price.tokens * config.counted_epochs:,.0f} tokens trained on by the provider",
            usd=Span(least=price.usd / 2, expected=price.usd, most=price.most_usd),
            seconds=Span(least=LEAST_S, expected=USUAL_S, most=MOST_S),
        )
    )
    return Foreseen(asks=tuple(asks), likely=start, made=NAME)


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Have the rows tuned on where the base answers, and name what came of it."""
    config = _settings(task)
    start = _start(task, parent, context, config)
    rows = learnt(task)
    refuse_to_let_go(task, rows, config.may_leave)
    lines = _lines(_rows(task, start, context))
    wanted = _wanted(task, config, lines)
    price = _price(config, lines)
    context.progress.note(
        f"{in_rows(len(rows))} go to {task.base_reference.address.host}, some {price.tokens:,.0f} tokens over "
        f"{config.counted_epochs} epochs: about {price.usd:.2f} USD, at most {price.most_usd:.2f}"
    )
    tuned = _bought(task, context, wanted, len(rows))
    context.record(
        "finding",
        as_json(
            Finding(
                check="hosted tuning",
                severity="info",
                message=_told(task, wanted, tuned, len(rows)),
                count=len(rows),
            )
        ),
    )
    return replace(start, base=_pinned(task, tuned.model, context))


def refuse_to_let_go(task: Task, rows: Sequence[Example], may_leave: Sequence[str]) -> None:
    """Raises UserError for personal data and secrets in what would leave this machine: what and where, never the datum itself."""
    from rung.task.positions import place_in

    said = [(row, texts(row)) for row in rows]
    found = []
    for kind, finder in {**PERSONAL, **SECRETS}.items():
        holding = [] if kind in may_leave else [row for row, text in said if any(finder(text))]
        instructed = kind not in may_leave and any(finder(task.instruction))
        if holding or instructed:
            places = [*(["the instruction"] if instructed else []), *map(place, holding[:SHOWN_PLACES])]
            more = f" and {len(holding) - SHOWN_PLACES} more" if len(holding) > SHOWN_PLACES else ""
            found.append(f"{kind} in {in_rows(len(holding))}: {', '.join(places)}{more}")
    if unknown := [kind for kind in may_leave if kind not in KINDS]:
        problem = f"'{unknown[0]}' is no kind of data that is looked for: {', '.join(KINDS)}"
        raise UserError(problem, where=place_in(task.path, ("rungs", NAME, "may_leave")))
    if found:
        problem = "\n  ".join(["nothing was sent: what would leave this machine holds", *found])
        hint = f"Take it out of the rows, or say that it may leave: rungs: {{{NAME}: {{may_leave: [...]}}}} with these names."
        raise UserError(problem, where=task.path, hint=hint)


def _settings(task: Task) -> Config:
    return read_settings(task, NAME, Config)


def _start(task: Task, parent: Candidate | None, context: BuildContext, config: Config) -> Candidate:
    start = training_start(NAME, task, parent, context, config.dev_rows)
    return replace(start, tools=None)


def _rows(task: Task, start: Candidate, context: BuildContext) -> list[TrainRow]:
    return train_rows(task, start, learnt(task), context.runtime.retriever(start))


def _lines(rows: Sequence[TrainRow]) -> list[bytes]:
    lines = [{"messages": [*map(dict, row.messages), {"role": "assistant", "content": row.answer}]} for row in rows]
    return [f"{json.dumps(line, ensure_ascii=False)}\n".encode("utf-8", "surrogatepass") for line in lines]


def _price(config: Config, lines: Sequence[bytes]) -> Price:
    """A dry run: tokens, epochs, price. At most a token is a byte of what is sent."""
    assert config.usd_per_million_tokens is not None
    most = sum(map(len, lines))
    tokens = most / BYTES_PER_TOKEN + TOKENS_AROUND_A_ROW * len(lines)
    of_a_token = config.usd_per_million_tokens / 1e6
    return Price(tokens=tokens, usd=tokens * config.counted_epochs * of_a_token, most_usd=most * config.counted_epochs * of_a_token)


def _wanted(task: Task, config: Config, lines: Sequence[bytes]) -> Wanted:
    from rung.engine.http.tuning.run import Wanted

    data = b"".join(lines)
    chosen: dict[str, Any] = {
        "n_epochs": config.epochs,
        "batch_size": config.batch_rows,
        "learning_rate_multiplier": config.learning_rate_multiplier,
    }
    hyperparameters = {name: value for name, value in chosen.items() if value is not None}
    method = {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}
    body: dict[str, Any] = {"model": task.base_reference.member, "method": method, "seed": task.seed}
    body |= {"suffix": config.suffix} if config.suffix else {}
    found = digest([str(task.base_reference.address), body, sha256(data).hexdigest()])
    assert config.usd_per_million_tokens is not None
    return Wanted(
        run_digest=found,
        name=f"rung-{found[:24]}",
        data=data,
        body=body,
        most_usd=_price(config, lines).most_usd,
        usd_per_token=config.usd_per_million_tokens / 1e6,
    )


def _bought(task: Task, context: BuildContext, wanted: Wanted, rows: int) -> Tuned:
    from rung.engine.http.batch.batches import Pace
    from rung.engine.http.line import Line
    from rung.engine.http.refusals import Asked
    from rung.engine.http.sending import Patience, time_limits
    from rung.engine.http.tuning.run import Tuning
    from rung.engine.http.tuning.tuner import Tuner

    backend: Any = context.runtime.backend_for(task.base)
    patience: Patience = backend.patience
    pace: Pace = backend.pace
    asked = Asked(address=task.base_reference.address, model=task.base_reference.member)
    leaves = partial(context.leaves, _leaving(task, wanted, rows))
    with Line(asked, time_limits(patience)) as line, context.progress.stage(f"Tuning at {asked.address.host}") as stage:
        tuner = Tuner(line=line, asked=asked, away_s=patience.away_s, first_s=patience.first_wait_s)
        run = Tuning(
            tuner=tuner,
            wanted=wanted,
            purse=backend.purse,
            folder=context.work,
            leaves=leaves,
            said=context.progress.note,
            pace=pace,
        )
        tuned = run.run()
        stage.advance(1)
    return tuned


def _leaving(task: Task, wanted: Wanted, rows: int) -> Mapping[str, Any]:
    """What leaves this machine, where to and when, for the audit."""
    return {
        "to": str(task.base_reference.address),
        "model": task.base_reference.member,
        "purpose": "tuning",
        "rows": rows,
        "bytes": len(wanted.data),
        "digest": sha256(wanted.data).hexdigest(),
        "run": wanted.run_digest,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _told(task: Task, wanted: Wanted, tuned: Tuned, rows: int) -> str:
    tokens = "an unknown number of" if tuned.tokens is None else f"{tuned.tokens:,}"
    return (
        f"{in_rows(rows)} (SHA-256 {sha256(wanted.data).hexdigest()[:16]}) went to {task.base_reference.address.host}; {tuned.job} "
        f"trained on {tokens} tokens for {tuned.usd:.2f} USD; its model is {tuned.model}. What may be asked of the data there is "
        "between you and the provider"
    )


def _pinned(task: Task, model: str, context: BuildContext) -> str:
    """The provider's own name for what came of it, at the base's address."""
    from rung.engine.bases.resolve import resolve

    named = replace(task.base_reference, member=model, pin="")
    return resolve(str(named), context.work).pinned
