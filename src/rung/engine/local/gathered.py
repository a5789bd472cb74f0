"""Low-rank products that are gathered, each token its own adapters', where this machine has what compiles them.

Without it all tokens are multiplied by all adapters' factors, and what is not theirs is weighted with nothing.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rung.engine.local.apart import apart
from rung.engine.local.token_ranks import TokenRanks

if TYPE_CHECKING:
    from rung.engine.local.compiled.low_rank import GatheredFactors

log = logging.getLogger(__name__)


def gathered(down: Tensor, up: Tensor) -> GatheredFactors | None:
    """Of down (ranks, in) and up (ranks, out); None where that is not to be had here."""
    if not gathers_on(down.device, down.dtype):
        return None
    from rung.engine.local.compiled.low_rank import GatheredFactors

    return GatheredFactors(down, up)


def gathers_on(device: torch.device, dtype: torch.dtype) -> bool:
    """As `gathers`; on no accelerator."""
    return device.type == "cpu" and gathers(dtype)


@cache
def gathers(dtype: torch.dtype) -> bool:
    """Whether this machine compiles it for such numbers, and it computes what it should, which is tried once.

    The first call on a machine takes some seconds; later ones find what was compiled.
    """
    try:
        from rung.engine.local.compiled.low_rank import GatheredFactors, ready
    except ImportError:
        return False
    try:
        return apart(lambda: ready(dtype) and _is_right(GatheredFactors, dtype))
    except Exception as error:  # of a compiler that is not made for this machine, of any kind
        log.warning("low-rank products are not compiled here: %s: %s", type(error).__name__, error)
        return False


def _is_right(kind: type[GatheredFactors], dtype: torch.dtype) -> bool:
    generator = torch.Generator().manual_seed(0)
    x, y, down, up = (torch.randn(size, generator=generator).to(dtype) for size in ((7, 70), (7, 50), (13, 70), (13, 50)))
    up[:9, 20:] = 0
    weights = torch.zeros(7, 13)
    weights[0, :9], weights[2:, :9], weights[2:, 9:] = 1.0, 0.5, -2.0
    exact = y.double() + (x.double() @ down.double().T * weights.double()) @ up.double()
    factors = kind(down, up)
    factors.reach(0, [(9, 0, 20), (4, 0, 50)])
    factors.add(y, x, TokenRanks([(0, 1, [(0, 9, 1.0)]), (1, 2, []), (2, 7, [(0, 9, 0.5), (9, 13, -2.0)])]))
    return torch.allclose(y.double(), exact, rtol=8e-3 if dtype is torch.bfloat16 else 1e-5, atol=1e-4)
