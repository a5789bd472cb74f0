"""How likely a model finds a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rung.engine.local.attention import PrefixedRows
from rung.engine.local.decoder import Decoder

# Positions whose scores over the vocabulary are held at once.
AT_ONCE = 256


@torch.inference_mode()
def negative_log_likelihood(decoder: Decoder, ids: Sequence[int]) -> float:
    """Nats that the model gives up on all tokens but the first, each predicted from those before it."""
    tokens = torch.tensor(ids, device=decoder.device)
    attention = PrefixedRows(prefix_tokens=len(ids), rows=0, row_length=0)
    hidden = decoder.hidden(tokens, torch.arange(len(ids), device=decoder.device), attention)
    total = 0.0
    for start in range(0, len(ids) - 1, AT_ONCE):
        end = min(start + AT_ONCE, len(ids) - 1)
        total += float(
            torch.nn.functional.cross_entropy(decoder.logits(hidden[start:end]), tokens[start + 1 : end + 1], reduction="sum")
        )
    return total
