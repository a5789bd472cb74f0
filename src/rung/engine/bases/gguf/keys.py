"""The metadata of an architecture, each key of which is asked for, known to change nothing, or a reason to refuse the file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from rung.engine.bases.gguf.header import CONVERT_AGAIN, Gguf
from rung.errors import UserError

SERVE = "Serve the file with llama.cpp and name that server as the base: http://host:port/v1#model."
# Of any architecture: what they say is said by the tensors too, or is of no weight while a model answers.
_HARMLESS = ("tensor_data_layout", "rope.scaling.finetuned", "interleave_moe_layer_step", "model_type")
# At this value they say that the model has no such thing.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "attention.causal": (True,),
    "pooling_type": (0,),
    "expert_count": (0,),
    "expert_used_count": (0,),
    "expert_group_count": (0, 1),
    "expert_group_used_count": (0, 1),
    "expert_shared_count": (0,),
    "leading_dense_block_count": (0,),
    "nextn_predict_layers": (0,),
    "attention.max_alibi_bias": (0,),
    "attention.clamp_kqv": (0,),
    "attention.sliding_window": (0,),
    "attn_logit_softcapping": (0,),
    "final_logit_softcapping": (0,),
    "logit_scale": (0, 1),
    "embedding_scale": (0, 1),
    "residual_scale": (0, 1),
    "attention.scale": (0,),
    "use_parallel_residual": (False,),
    "rope.scale_linear": (0, 1),
    "rope.scaling.attn_factor": (0, 1),
}


class Keys:
    """Reads `<architecture>.name`, and remembers what was asked for."""

    def __init__(self, gguf: Gguf) -> None:
        self.gguf, self._asked = gguf, set[str]()
        self._prefix = f"{gguf.architecture}."

    def has(self, name: str) -> bool:
        return self._prefix + name in self.gguf.metadata

    def full(self, name: str) -> str:
        return self._prefix + name

    def refusal(self, name: str, problem: str, hint: str = CONVERT_AGAIN) -> UserError:
        return self.gguf.refusal(problem, hint, key=self.full(name))

    def get(self, name: str) -> Any:
        """The value as it stands; None where there is none."""
        self._asked.add(name)
        return self.gguf.metadata.get(self._prefix + name)

    def count(self, name: str, default: int | None = None) -> int:
        """A whole number above 0, one for all blocks. Raises UserError where it is neither there nor known by default."""
        value = self.get(name)
        if isinstance(value, list) and value and all(each == value[0] for each in value):
            value = value[0]
        if value is None and default is not None:
            return default
        if value is None:
            raise self.refusal(name, "the key is missing")
        if isinstance(value, list):
            raise self.refusal(name, f"differs from block to block: {value[:8]}", SERVE)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.refusal(name, f"not a whole number above 0: {value!r}")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number above 0."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.refusal(name, "the key is missing")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise self.refusal(name, f"not a number above 0: {value!r}")
        return _short(value)

    def optional(self, name: str) -> float | None:
        """As `number`; None where the file has none, or says 0."""
        return self.number(name) if self.get(name) else None

    def check_all_known(self, tolerated: Iterable[str] = ()) -> None:
        """Raises UserError for a key of the architecture that nothing here has read, and that may change an answer."""
        known = {*_HARMLESS, *tolerated, *self._asked}
        for full, value in self.gguf.metadata.items():
            name = full.removeprefix(self._prefix)
            if name == full or name in known or value in _NEUTRAL.get(name, ()):
                continue
            if name in ("pooling_type", "attention.causal") or name.startswith("pooling"):
                told = "the file is an embedding model: it gives vectors, and no answers"
                raise self.refusal(name, told, "Name a model that is made to answer (instruct, chat).")
            raise self.refusal(name, f"what this key says ({_seen(value)}) is not computed here", SERVE)


def _short(value: float) -> float:
    """A number that was stored with 32 bits, as it was written: 1e-06, not 9.999999974752427e-07."""
    import numpy

    return value if isinstance(value, int) else float(str(numpy.float32(value)))


def _seen(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
