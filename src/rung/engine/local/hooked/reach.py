"""Which tokens a base's masks let a token see, found by asking its rule about places near its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from rung.engine.local.hooked.interface import AskedMask
from rung.engine.local.scoring import Reach


def reach_of(mask: Any) -> Reach | None:
    """None for what is not causal attention within a window or a chunk."""
    if not isinstance(mask, AskedMask):
        return None
    _on_this_machine(mask.rule)
    queries, keys = _places(mask.size)
    sees = mask.rule(torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64), queries, keys)
    sees = torch.as_tensor(sees).expand(len(queries), keys.shape[1])
    return next((reach for reach in _possible(mask.size) if torch.equal(~reach.hides(queries, keys), sees)), None)


def _possible(size: int) -> Iterator[Reach]:
    yield Reach()
    if size:
        yield from (Reach(window=window) for window in (size, size + 1, size - 1) if window > 0)
        yield Reach(chunk=size)


def _places(size: int) -> tuple[Tensor, Tensor]:
    """(n, 1) and (1, m): places at and beside every multiple of the size."""
    corners = {0, 1, 2, 5, 6, 7, 40, 41, *(max(0, size * times + off) for times in (1, 2, 3) for off in range(-2, 3))}
    queries = sorted(corners | {place + 3 for place in corners})
    keys = sorted({max(0, place - size + off) for place in queries for off in range(-2, 3)} | set(queries))
    return torch.tensor(queries)[:, None], torch.tensor(keys)[None]


def _on_this_machine(rule: Callable[..., Any]) -> None:
    """A rule that was made while no tensor had values holds the padding of a conversation without any: zeros."""
    for cell in getattr(rule, "__closure__", None) or ():
        held = cell.cell_contents
        if isinstance(held, Tensor) and held.device.type == "meta":
            cell.cell_contents = torch.zeros(held.shape, dtype=held.dtype)
        for inner in held if isinstance(held, tuple | list) else (held,):
            if callable(inner):
                _on_this_machine(inner)
