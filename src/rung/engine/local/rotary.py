"""Rotary positions: the angles of a pass's tokens, for every kind of scaling that does not look at how long a conversation is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# Kinds whose angles do not depend on how long the conversation is: a prefix computed alone is the prefix of any row.
ROTARY_KINDS = ("default", "linear", "llama3", "yarn")


class Angles:
    """Cosine and sine, (n, 1, head_width / 2) each, for positions (n,)."""

    def __init__(self, raw: Mapping[str, Any], head_width: int, device: torch.device) -> None:
        self._frequencies, self._scale = rotary_frequencies(raw, head_width, device)

    def __call__(self, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        angles = positions[:, None].float() * self._frequencies
        cos = (angles.cos() * self._scale).to(dtype)[:, None]
        return cos, (angles.sin() * self._scale).to(dtype)[:, None]


def rotary_frequencies(raw: Mapping[str, Any], head_width: int, device: torch.device) -> tuple[Tensor, float]:
    """Angles a position, (head_width / 2,), and the scale of cosine and sine; scaled variants as transformers computes them."""
    rope = rope_settings(raw)
    if rope["rope_type"] == "default":
        steps = torch.arange(0, head_width, 2, dtype=torch.int64, device=device).float()
        return 1.0 / rope["rope_theta"] ** (steps / head_width), 1.0
    from transformers import AutoConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    frequencies, scale = ROPE_INIT_FUNCTIONS[rope["rope_type"]](AutoConfig.for_model(**raw), device)
    return frequencies, float(scale)


def rope_settings(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The rotary settings of a configuration that its class filled in, `rope_type` and `rope_theta` among them."""
    return dict(raw["rope_parameters"])
