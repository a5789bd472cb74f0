"""A model in this process: any Llama-like folder, on the processor or one GPU."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from rung.engine.backend import Backend
from rung.engine.bases.resolve import Base
from rung.errors import UserError


def open(base: Base, *, prices: Mapping[str, float] | None) -> Backend:
    """The weights are read with the first question. Raises UserError for a base that is not on this machine."""
    from rung.engine.local.answering import Answering
    from rung.engine.local.model import LocalModel

    if base.folder is None:
        raise UserError("the base is not on this machine", where=base.reference.bare)
    load = partial(LocalModel.load, base.folder, weights=base.reference.weights, answers=True)
    return Answering(load, reference=base.pinned, template=base.template_digest, prices=prices, folder=base.folder)
