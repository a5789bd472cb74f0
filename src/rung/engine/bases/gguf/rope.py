"""Rotary positions as a GGUF keeps them, in the words of a transformers configuration.

llama.cpp keeps Llama 3's scaling as one factor a frequency (`rope_freqs.weight`), and longrope's as two lists of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from rung.engine.bases.gguf.header import COPY_AGAIN, Gguf
from rung.engine.bases.gguf.keys import Keys
from rung.engine.bases.gguf.unpack import unpacked

FREQUENCIES, LONG, SHORT = "rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"
_THETA = 10000.0
_AS_PUBLISHED = ((1.0, 4.0, 8192), (1.0, 4.0, 4096), (1.0, 4.0, 2048), (1.0, 4.0, 1024))
_LLAMA3_EXACT = 1e-4


def rope_parameters(keys: Keys, width: int, context: int) -> dict[str, Any]:
    """`rope_parameters` of the configuration, for heads that turn `width` of their numbers. Raises UserError."""
    theta = keys.number("rope.freq_base", _THETA)
    scaling = _scaling(keys, context)
    long, short = _factors(keys.gguf, LONG, width), _factors(keys.gguf, SHORT, width)
    if long and short:
        scaling = _longrope(keys, long, short, context)
    elif long or short or scaling["rope_type"] == "longrope":
        raise keys.refusal("rope.scaling.type", f"longrope needs both {LONG} and {SHORT}", COPY_AGAIN)
    factors = _factors(keys.gguf, FREQUENCIES, width)
    if factors and any(factor != 1.0 for factor in factors):
        if scaling["rope_type"] != "default":
            told = f"the file scales positions twice: by {FREQUENCIES} and as {scaling['rope_type']}"
            raise keys.refusal("rope.scaling.type", told)
        scaling = _by_frequency(factors, theta, width, context)
    return {"rope_theta": theta, **scaling}


def _scaling(keys: Keys, context: int) -> dict[str, Any]:
    kind = keys.get("rope.scaling.type")
    old = keys.optional("rope.scale_linear")
    factor = keys.optional("rope.scaling.factor") or old or 1.0
    original = keys.count("rope.scaling.original_context_length", context)
    if kind in (None, "linear"):
        return {"rope_type": "linear", "factor": factor} if factor != 1.0 else {"rope_type": "default"}
    if kind == "none":
        return {"rope_type": "default"}
    if kind == "longrope":
        return {"rope_type": "longrope"}
    if kind != "yarn":
        raise keys.refusal("rope.scaling.type", f"positions are scaled as {kind!r}; linear, yarn and longrope are known")
    return {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original} | _yarn(keys, factor)


def _yarn(keys: Keys, factor: float) -> dict[str, Any]:
    if keys.number("rope.scaling.yarn_ext_factor", 1.0) != 1.0:
        raise keys.refusal("rope.scaling.yarn_ext_factor", "another factor than 1 is not computed here")
    if keys.get("rope.scaling.yarn_log_multiplier"):
        raise keys.refusal("rope.scaling.yarn_log_multiplier", "a logarithmic multiplier is not computed here")
    names = [name for name in ("beta_fast", "beta_slow") if keys.has(f"rope.scaling.yarn_{name}")]
    said = {name: keys.number(f"rope.scaling.yarn_{name}") for name in names}
    usual = 0.1 * math.log(factor) + 1.0 if factor > 1.0 else 1.0
    scale = keys.optional("rope.scaling.attn_factor")
    stated = keys.optional("rope.scaling.yarn_attn_factor")
    if scale not in (None, 1.0):
        said["attention_factor"] = usual * scale
    elif stated is not None and stated != 1.0:
        said["attention_factor"] = stated
    return said


def _longrope(keys: Keys, long: list[float], short: list[float], context: int) -> dict[str, Any]:
    original = keys.count("rope.scaling.original_context_length", context)
    made = {
        "rope_type": "longrope",
        "long_factor": long,
        "short_factor": short,
        "original_max_position_embeddings": original,
        "factor": context / original,
    }
    attention = keys.optional("rope.scaling.attn_factor")
    return made if attention is None else made | {"attention_factor": attention}


def _factors(gguf: Gguf, name: str, width: int) -> list[float]:
    stored = gguf.tensors.get(name)
    if stored is None:
        return []
    if stored.shape != (width // 2,):
        told = f"{stored.shape[-1]} factors, and the heads turn {width // 2} pairs"
        raise gguf.refusal(told, COPY_AGAIN, key=name)
    factors = [float(factor) for factor in unpacked(stored).tolist()]
    if any(factor <= 0 for factor in factors):
        raise gguf.refusal("a factor is not above 0", COPY_AGAIN, key=name)
    return factors


def _by_frequency(factors: Sequence[float], theta: float, width: int, context: int) -> dict[str, Any]:
    """Llama 3's parameters where they give these very factors; else the factors themselves, which longrope can hold."""
    top = max(factors)
    for low, high, original in itertools.chain(_AS_PUBLISHED, _solved(factors, theta, width)):
        made = llama3_factors(top, low, high, original, theta, width)
        if all(abs(a - b) <= _LLAMA3_EXACT * b for a, b in zip(made, factors, strict=True)):
            return {
                "rope_type": "llama3",
                "factor": top,
                "low_freq_factor": low,
                "high_freq_factor": high,
                "original_max_position_embeddings": original,
            }
    same = list(factors)
    return {
        "rope_type": "longrope",
        "long_factor": same,
        "short_factor": same,
        "attention_factor": 1.0,
        "factor": 1.0,
        "original_max_position_embeddings": context,
    }


def _solved(factors: Sequence[float], theta: float, width: int) -> list[tuple[float, float, int]]:
    """The parameters that two of the factors between 1 and the greatest determine, with 1 as the lower bound."""
    top = max(factors)
    between = []
    for index, factor in enumerate(factors):
        if 1.0 < factor < top:
            smooth = (1 / factor - 1 / top) / (1 - 1 / top)
            between.append((theta ** (-2 * index / width) / (2 * math.pi), smooth))
    if len(between) < 2:
        return []
    (first, smooth), (last, other) = between[0], between[-1]
    slope = (smooth - other) / (first - last)
    offset = slope * first - smooth
    return [(1.0, round(1 + 1 / offset, 4), round(slope / offset))] if offset > 0 else []


def llama3_factors(top: float, low: float, high: float, original: int, theta: float, width: int) -> list[float]:
    """By how much each frequency is divided, (width / 2,), as Llama 3.1 was published."""
    made = []
    for index in range(width // 2):
        length = 2 * math.pi * theta ** (2 * index / width)
        smooth = (original / length - low) / (high - low)
        between = 1 / ((1 - smooth) / top + smooth)
        made.append(1.0 if length < original / high else top if length > original / low else between)
    return made
