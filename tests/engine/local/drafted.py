"""Batches that draft wherever they can, and batches that never do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from oracle import TEXTS, ask

from rung.engine.chat import prompt_tokens
from rung.engine.constrain import Grammars
from rung.engine.local.batch import Batch
from rung.engine.local.drafts import Drafting
from rung.engine.local.model import LocalModel
from rung.engine.local.rows import Ask


class Eager(Drafting):
    """Drafts wherever a run is found."""

    def length(self, kind: int) -> int:
        return 1 + kind % 7


class Never(Drafting):
    """Drafts nothing."""

    def length(self, kind: int) -> int:
        return 0


def answers(
    model: LocalModel,
    monkeypatch: pytest.MonkeyPatch,
    joining: Sequence[Sequence[Ask]],
    how: type[Drafting],
    grammars: Grammars | None = None,
) -> tuple[dict[int, tuple[list[int], str]], int]:
    """(what each row was answered, how many passes it took), where these join before the steps in turn."""
    monkeypatch.setattr("rung.engine.local.batch.Drafting", how)
    batch, made, steps = Batch(model.decoder, frozenset(range(40, 44)), grammars), dict[int, tuple[list[int], str]](), 0
    waiting = list(joining)
    while waiting or batch:
        if waiting:
            made |= {number: ([], "") for number in batch.add(waiting.pop(0))}
        for part in batch.step():
            made[part.row] = ([*made[part.row][0], *part.tokens], part.finish_reason)
        steps += 1
    return made, steps


def prompt(model: LocalModel, index: int) -> list[int]:
    return prompt_tokens(model.tokenizer, ask(TEXTS[index % 5] * (1 + index % 3)).messages)
