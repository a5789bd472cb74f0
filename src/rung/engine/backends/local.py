"""A model in this process: any Llama-like folder, on the processor or one GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from rung.engine.backend import Backend, Request, price_usd
from rung.engine.bases.resolve import Base
from rung.errors import UserError
from rung.types import Answer

if TYPE_CHECKING:
    from rung.engine.local.answering import Answering
    from rung.engine.local.model import LocalModel


def open(base: Base, *, prices: Mapping[str, float] | None) -> Backend:
    """The weights are read with the first question."""
    return LocalBackend(base, prices or {})


class LocalBackend:
    """One loaded model; one call at a time."""

    def __init__(self, base: Base, prices: Mapping[str, float]) -> None:
        if base.folder is None:
            raise UserError("the base is not on this machine", where=base.reference.bare)
        self.reference, self.template = base.pinned, base.template_digest
        self._folder, self._prices, self._lock = base.folder, prices, Lock()

    @property
    def model(self) -> LocalModel:
        """For training: the same weights in memory."""
        return self._answering.model

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        with self._lock:
            return [self._priced(answer) for answer in self._answering.answer(requests)]

    @cached_property
    def _answering(self) -> Answering:
        from rung.engine.local.answering import Answering
        from rung.engine.local.model import LocalModel

        return Answering(LocalModel.load(self._folder))

    def _priced(self, answer: Answer) -> Answer:
        """What the tokens cost by the task's prices; unknown without them."""
        return replace(answer, cost_usd=price_usd(self._prices, answer))
