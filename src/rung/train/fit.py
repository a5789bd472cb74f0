"""What a training run will take, before it is started: memory from the shapes, time from a short calibration on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count

from rung import plugins
from rung.engine.local.model import LocalModel
from rung.engine.local.shape import Shape
from rung.train.batches import computed_tokens, micro_batches, padded_tokens
from rung.train.config import TrainConfig
from rung.train.frozen import KEPT_BYTES, kept_bytes
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer, make_order
from rung.train.method import method_of
from rung.train.rows import EncodedRow

# Python, torch and transformers, loaded and idle; measured with torch 2.13 for CPU.
PROCESS_BYTES = 450_000_000
# What a step's temporaries and the heap's holes add to what is kept for the backward pass; measured on 135M parameters.
SLACK = 1.8
# Rows of the step that a calibration does not count.
WARMING = 4


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes at the peak of a training step, by what they are for. `kept`: see `frozen.py`."""

    process: int
    weights: int
    masters: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    kept: int = 0

    @property
    def total(self) -> int:
        return sum(asdict(self).values())


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A run's prediction: its steps, useful tokens (prompts and answers, without padding), memory, and seconds where calibrated."""

    rows: int
    steps: int
    tokens: int
    tokens_per_s: float | None
    memory: Memory

    @property
    def seconds(self) -> float | None:
        """Time in steps alone: what dev scoring takes comes on top. None without a calibration."""
        return self.tokens / self.tokens_per_s if self.tokens_per_s else None


def predict(shape: Shape, item: int, rows: Sequence[EncodedRow], config: TrainConfig, tokens_per_s: float | None = None) -> Fit:
    """A run over `rows` in `config`, on a base of this shape kept in `item` bytes a number (2 for bfloat16, 4 for float32)."""
    order = make_order(rows, config)
    tokens = sum(len(rows[index].ids) for step in range(order.steps) for index in order.at(step))
    parts = [
        part
        for start in range(order.steps_per_epoch)
        for part in micro_batches([rows[i] for i in order.at(start)], config.tokens_per_pass)
    ]
    largest = max(parts, key=padded_tokens)
    memory = predict_memory(shape, item, config, largest)
    kept = kept_bytes(rows, shape.width, item) if method_of(config.method).frozen(config.method_settings, shape) else 0
    memory = replace(memory, kept=kept if kept <= KEPT_BYTES else 0)
    return Fit(rows=len(rows), steps=order.steps, tokens=tokens, tokens_per_s=tokens_per_s, memory=memory)


def predict_memory(shape: Shape, item: int, config: TrainConfig, part: Sequence[EncodedRow]) -> Memory:
    """The peak of one forward and backward pass over `part`, the optimizer's state included."""
    method, objective = method_of(config.method), plugins.load("objectives", config.objective)
    trained = method.parameters(config.method_settings, shape)
    extra = method.footprint(config.method_settings, shape, item)
    longest = max(len(row.ids) for row in part)
    positions = sum(row.supervised for row in part)
    return Memory(
        process=PROCESS_BYTES,
        weights=shape.parameters * item + extra.weights,
        masters=trained * 4,
        gradients=trained * 4 + extra.gradients,
        optimizer=trained * 8,
        activations=round(SLACK * computed_tokens(part) * activation_bytes(shape, item, longest, config)),
        logits=objective.score_bytes(config.objective_settings, shape, item, positions) + extra.scores,
    )


def activation_bytes(shape: Shape, item: int, seen: int, config: TrainConfig) -> int:
    """Bytes kept for the backward pass, a token, where each sees up to `seen` tokens: the base's own, and what the method adds."""
    method, settings = method_of(config.method), config.method_settings
    trained = 1 - method.frozen(settings, shape) / shape.layers
    return round(shape.kept_bytes(item, seen) * trained) + method.footprint(settings, shape, item).activations


def calibrate(model: LocalModel, rows: Sequence[EncodedRow], config: TrainConfig, seconds: float) -> float:
    """Useful tokens a second, from real passes over `rows` for about `seconds`; what they train is thrown away.

    A step of long rows takes longer than that: each of its passes is taken for a step. The first, which warms caches up on a few
    rows, is not counted; at least one more is.
    """
    trainable, peak = apply_method(model, config)
    optimizer = make_optimizer(trainable, config, peak)
    tokens, started = 0, time.monotonic()
    counted_from = started
    for number, part in enumerate(_passes(rows, config)):
        gradients(trainable, part, config, at=number + 1)
        apply_gradients(trainable, optimizer, peak)
        if number == 0:
            counted_from = time.monotonic()
            continue
        tokens += sum(len(row.ids) for row in part)
        if time.monotonic() - started >= seconds:
            break
    return tokens / max(time.monotonic() - counted_from, 1e-9)


def _passes(rows: Sequence[EncodedRow], config: TrainConfig) -> Iterator[list[EncodedRow]]:
    """A few rows of the first step, then every pass of every step, over and over."""
    order = make_order(rows, config)
    yield [rows[index] for index in order.at(0)][:WARMING]
    for step in count():
        yield from micro_batches([rows[index] for index in order.at(step % order.steps)], config.tokens_per_pass)
