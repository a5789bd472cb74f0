"""The one training loop: any method, any objective; stops early by the task's own score; goes on after any interruption."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim import Optimizer

from rung import plugins
from rung.engine.local.memory import give_back_freed_memory, resident_bytes
from rung.engine.local.model import LocalModel
from rung.errors import UserError
from rung.json_form import digest
from rung.train.batches import Order, collate, micro_batches
from rung.train.config import TrainConfig
from rung.train.dev import Best, Dev, Turns
from rung.train.frozen import FrozenPart
from rung.train.method import method_of
from rung.train.resume import State, best_folder, forget_others, read_checkpoint, write_checkpoint
from rung.train.rows import EncodedRow, TrainRow, encode_rows, rows_digest
from rung.train.schedule import learning_rate
from rung.train.trainable import OnAdapters, Trainable, whole_folder
from rung.types import Progress, Stage

# Freed activations that the process may sit on between two steps: giving all of them back after each costs time, never doing so
# lets batches of ever other shapes double the memory that a run takes.
FREE_BYTES_KEPT = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of it.

    folder      the adapter, or the model, that does best on dev (the first of equals); where dev was not asked the last
    best_score  its score on the rows of dev that it was asked, or None
    history     an entry for each step: step, loss, lr, tokens_per_s, dev_score (None where dev was not asked)
    stopped     "finished", or "patience": the last dev scores brought no new best
    rows        rows trained on; `dropped` were too long, and left out by the settings' leave
    tokens      of the rows of all steps, questions and answers
    """

    folder: Path
    best_score: float | None
    best_step: int
    history: tuple[Mapping[str, Any], ...]
    stopped: Literal["finished", "patience"]
    rows: int
    dropped: int
    tokens: int


def train(
    model: LocalModel,
    rows: Sequence[TrainRow],
    config: TrainConfig,
    *,
    work: Path,
    dev: Dev | None,
    progress: Progress,
    facts: Mapping[str, Any],
) -> Trained:
    """Train on the answers' tokens of `rows`, in `work`, from its checkpoint where it holds one of this very run.

    dev    says which of two folders is the better one by the task's own score; the best is what is returned
    facts  what the result is of (base, template, data digests): kept beside it, part of the run's identity; no times, no paths

    Raises UserError for rows that cannot be trained on, a loss or gradient that is not finite, or a result that changes nothing;
    BrokenEnvironment for a full disk. On an interruption a checkpoint is written first.
    """
    longest = min(config.max_tokens or model.config.max_positions, model.config.max_positions)
    encoded = encode_rows(model.tokenizer, rows, longest, config.too_long)
    if dropped := len(rows) - len(encoded):
        progress.note(f"{dropped} of {len(rows)} rows are longer than max_tokens: they are left out of training")
    session = Session.open(model, encoded, config, Surroundings(work=work, dev=dev, progress=progress, facts=facts))
    stopped = session.run()
    state = session.state
    best = state.best_step or state.step
    return Trained(
        folder=best_folder(work, best),
        best_score=state.best_score,
        best_step=best,
        history=tuple(state.history),
        stopped=stopped,
        rows=len(encoded),
        dropped=dropped,
        tokens=sum(len(encoded[row].ids) for step in range(state.step) for row in session.order.at(step)),
    )


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Where a run works, whom it asks and tells."""

    work: Path
    dev: Dev | None
    progress: Progress
    facts: Mapping[str, Any]


@dataclass(kw_only=True)
class Session:
    """A run in progress: what does not change, and `state`, which with masters and moments is all that does."""

    rows: Sequence[EncodedRow]
    order: Order
    turns: Turns
    frozen: FrozenPart | None
    config: TrainConfig
    trainable: Trainable
    optimizer: Optimizer
    peak: float
    identity: str
    around: Surroundings
    state: State
    held_bytes: int | None
    at_rest: bool = True
    saved_at: float = field(default_factory=time.monotonic)

    @classmethod
    def open(cls, model: LocalModel, rows: Sequence[EncodedRow], config: TrainConfig, around: Surroundings) -> Session:
        """A fresh run, or the one that the work folder's checkpoint left."""
        trainable, peak = apply_method(model, config)
        optimizer = make_optimizer(trainable, config, peak)
        facts = {**around.facts, "training": config.identity()}
        identity = digest([facts, rows_digest(rows), str(trainable.decoder.dtype), around.dev is not None])
        restored = read_checkpoint(around.work, identity, trainable.masters, optimizer)
        if restored.reason:
            around.progress.note(f"{restored.reason}: training starts anew")
        trainable.refresh()
        give_back_freed_memory()
        order = make_order(rows, config)
        return cls(
            rows=rows,
            order=order,
            turns=Turns(rows, order, config),
            frozen=FrozenPart.of(trainable, rows, config.tokens_per_pass),
            config=config,
            trainable=trainable,
            optimizer=optimizer,
            peak=peak,
            identity=identity,
            around=Surroundings(work=around.work, dev=around.dev, progress=around.progress, facts=facts),
            state=restored.state or State(),
            held_bytes=resident_bytes(),
        )

    def run(self) -> Literal["finished", "patience"]:
        """Step, ask dev, keep checkpoints, until the steps or the patience are used up."""
        with self.around.progress.stage(f"training ({self.config.method})", total=self.order.steps) as stage:
            stage.advance(self.state.step)
            try:
                while True:
                    if self.around.dev and self.state.asked < self.state.step:
                        self._ask(self.around.dev, stage)
                    if self.state.since_best >= self.config.patience or self.state.step >= self.order.steps:
                        break
                    self._step(stage)
                    if time.monotonic() - self.saved_at >= self.config.checkpoint_s:
                        self._checkpoint()
            except KeyboardInterrupt:
                if self.at_rest:
                    self._checkpoint()
                raise
        if self.state.best_step is None:
            self._save(self.state.step)
            self.state.best_step = self.state.step
            self._checkpoint()
        return "finished" if self.state.step >= self.order.steps else "patience"

    def _step(self, stage: Stage) -> None:
        started = time.monotonic()
        rows = [self.rows[index] for index in self.order.at(self.state.step)]
        loss = gradients(self.trainable, rows, self.config, at=self.state.step + 1, frozen=self.frozen)
        rate = learning_rate(self.state.step, self.order.steps, self.peak, self.config.warmup_share)
        self.at_rest = False
        apply_gradients(self.trainable, self.optimizer, rate)
        speed = sum(len(row.ids) for row in rows) / (time.monotonic() - started)
        self.state.step += 1
        entry = {"step": self.state.step, "loss": loss, "lr": rate, "tokens_per_s": round(speed, 1), "dev_score": None}
        self.state.history.append(entry)
        self.at_rest = True
        stage.advance(1, loss=round(loss, 4), tokens_per_s=round(speed))
        self._tidy()

    def _tidy(self) -> None:
        held = resident_bytes()
        if held and self.held_bytes and held - self.held_bytes > FREE_BYTES_KEPT:
            give_back_freed_memory()
            self.held_bytes = resident_bytes()

    def _ask(self, dev: Dev, stage: Stage) -> None:
        """Where it is dev's turn. The first to be saved is the best so far, asked or not."""
        step, state = self.state.step, self.state
        allowed = self.turns.allowed(step, state.dev_rows, dev.least)
        if allowed is None and (state.best_step is not None or step not in self.turns.due):
            return
        folder = self._save(step)
        if allowed is None:
            self.state = replace(state, asked=step, best_step=step)
        else:
            best = None
            if state.best_step is not None:
                best = Best(folder=best_folder(self.around.work, state.best_step), rows=state.best_rows)
            asked = dev(folder, best, allowed)
            if not math.isfinite(asked.score):
                raise UserError(f"the dev score after step {step} is not a number ({asked.score})", where=str(folder))
            self.state.history[-1]["dev_score"] = asked.score
            # One assignment: an interruption sees the state with this score or without it.
            self.state = self.state.after_dev(asked)
            stage.advance(0, dev=round(asked.score, 4))
        self._checkpoint()

    def _save(self, step: int) -> Path:
        folder = best_folder(self.around.work, step)
        with whole_folder(folder) as draft:
            self.trainable.save(draft, self.around.facts)
        return folder

    def _checkpoint(self) -> None:
        write_checkpoint(self.around.work, self.identity, self.state, self.trainable.masters, self.optimizer)
        forget_others(self.around.work, self.state.best_step)
        self.saved_at = time.monotonic()


def apply_method(model: LocalModel, config: TrainConfig) -> tuple[Trainable, float]:
    """The model under training, and the learning rate's peak."""
    method = method_of(config.method)
    trainable = method.apply(model, config.method_settings, config.seed)
    return OnAdapters(trainable, model.below) if model.below else trainable, config.learning_rate or method.LEARNING_RATE


def make_order(rows: Sequence[EncodedRow], config: TrainConfig) -> Order:
    """The steps of a run over these rows."""
    lengths = tuple(len(row.ids) for row in rows)
    return Order(lengths=lengths, batch_rows=config.batch_rows, epochs=config.epochs, seed=config.seed)


def make_optimizer(trainable: Trainable, config: TrainConfig, peak: float) -> Optimizer:
    """AdamW (Loshchilov & Hutter, arXiv 1711.05101) over the masters; weight decay on matrices alone."""
    masters = trainable.masters.values()
    groups = [
        {"params": [master for master in masters if master.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [master for master in masters if master.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=peak, fused=True)


def gradients(
    trainable: Trainable, rows: Sequence[EncodedRow], config: TrainConfig, *, at: int, frozen: FrozenPart | None = None
) -> float:
    """Leave the batch's clipped gradient on the masters and give its loss: the mean over its supervised tokens.

    Parts are normalised by the whole batch's count, so that they add up to the undivided batch. Raises UserError, before any weight
    is touched, for a loss or a gradient that is not finite; `at` is the step that it names. `frozen` knows what lies below all that
    is trained.
    """
    objective = plugins.load("objectives", config.objective)
    total = sum(row.supervised for row in rows)
    loss = 0.0
    for master in trainable.masters.values():
        master.grad = None
    for part in micro_batches(rows, config.tokens_per_pass):
        batch, update = collate(part, trainable.decoder.device), trainable.update()
        if frozen:
            batch = replace(batch, begun=frozen.begun(part, update, batch.padded_to))
        share = objective.loss(trainable.decoder, update, batch, total, config.objective_settings)
        loss += _finite(share.item(), "loss", at)
        _backward(share)
        trainable.collect()
    norm = torch.nn.utils.get_total_norm([master.grad for master in trainable.masters.values() if master.grad is not None])
    _finite(norm.item(), "gradient", at)
    torch.nn.utils.clip_grads_with_norm_(trainable.masters.values(), config.clip_norm, norm)
    return loss


def _backward(loss: Tensor) -> None:
    """Raises UserError where the base's own code overwrites what its gradient needs."""
    try:
        loss.backward()
    except RuntimeError as error:
        if "inplace operation" not in str(error):
            raise
        hint = "Name another base, or skip training: it answers, but its weights and adapters cannot be trained."
        raise UserError("the base's own code overwrites numbers that training needs", hint=hint) from error


def apply_gradients(trainable: Trainable, optimizer: Optimizer, rate: float) -> None:
    """One optimizer step at this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    trainable.refresh()


def _finite(value: float, what: str, at: int) -> float:
    if not math.isfinite(value):
        raise UserError(
            f"the {what} is not finite ({value}) at step {at}; the step was not taken",
            hint="Lower learning_rate, or look for broken rows. What was saved before stays.",
        )
    return value
