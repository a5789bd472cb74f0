"""pass@k: the chance that at least one of k samples is right."""

from __future__ import annotations

import math
from collections.abc import Mapping


def pass_at_k(n: int, right: int, k: int) -> float:
    """Unbiased from `right` ones among n samples: 1 - C(n - right, k) / C(n, k) (Chen et al., arXiv 2107.03374, equation 1).

    Raises ValueError unless 0 <= right <= n and 1 <= k <= n.
    """
    if not (0 <= right <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} of {right} right ones among {n} samples")
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def choice_pass_at_k(logprobs: Mapping[str, float], right: Mapping[str, bool], k: int) -> float:
    """The same where every choice's log-probability is known: 1 - (1 - p)^k for the probability p of a right one."""
    p = min(1.0, sum(math.exp(logprob) for choice, logprob in logprobs.items() if right[choice]))
    return 1.0 - (1.0 - p) ** k
