"""A model of transformers' own classes, brought into memory whole or refused.

Of one that sees images too, what reads and writes text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rung.engine.bases.checkpoint import checkpoint, read_json
from rung.engine.bases.quiet import quiet
from rung.engine.local.remote_code import runs_own_code
from rung.engine.local.settings import filled
from rung.engine.local.weights import refuse_unfinite, refuse_unfit
from rung.errors import UserError

# Where a model that sees keeps the part that reads and writes.
READS = "language_model"


def _said(error: Exception, folder: Path) -> str:
    """What it says, and for a word that it does not know, which key of the configuration that is."""
    said = " ".join(str(error).split())[:300]
    word = error.args[0] if isinstance(error, KeyError) and error.args else None
    keys = _keys_of(word, read_json(folder / "config.json")) if isinstance(word, str) else []
    return f"it does not know {', '.join(keys)} = {said}" if keys else said


def _keys_of(word: str, settings: Mapping[str, Any], within: str = "") -> list[str]:
    """The keys that have this value, those of a part behind the part's own: rope_scaling.type."""
    found = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found += _keys_of(word, value, f"{within}{key}.")
        elif value == word:
            found.append(f"{within}{key}")
    return found


def load_module(folder: Path, dtype: torch.dtype, **settings: Any) -> Any:
    """Ready to answer, nothing to be trained; `blind_to` names the parts that were left out. More settings go to from_pretrained.

    Raises UserError for what transformers cannot load, for weights that do not fit, and for code of its own without leave.
    """
    from transformers import AutoConfig, GenerationConfig

    where, own_code, stored = str(folder), runs_own_code(folder), checkpoint(folder)
    filled(read_json(folder / "config.json"), str(folder / "config.json"))
    settings |= stored.options if stored else {"use_safetensors": True}
    try:
        with quiet():
            config = AutoConfig.from_pretrained(where, trust_remote_code=own_code, local_files_only=True)
            kind = class_of(config, own_code)
            if own_code:
                settings |= {"trust_remote_code": True}
            module, found = kind.from_pretrained(where, dtype=dtype, local_files_only=True, output_loading_info=True, **settings)
    except (ValueError, KeyError, ImportError, AttributeError, TypeError, RuntimeError, OSError) as error:
        hint = "Update transformers where it is newer than that, or serve the model elsewhere and name its https:// address."
        raise UserError(f"transformers cannot load this model: {_said(error, folder)}", where=where, hint=hint) from error
    module.blind_to, module.read_from = getattr(module, "blind_to", ()), where
    unexpected = sorted(name for name in found["unexpected_keys"] if not name.startswith(module.blind_to))
    missing, mismatched = sorted(found["missing_keys"]), sorted(map(str, found["mismatched_keys"]))
    refuse_unfit(missing=missing, mismatched=mismatched, unexpected=unexpected, where=where)
    refuse_unfinite(dict(module.named_parameters()), where)
    if module.get_output_embeddings() is None:
        raise UserError("the model has no head that gives scores over a vocabulary", where=where)
    # What is asked decides how it is answered, not what the model's makers recommend for sampling.
    module.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
    return module.eval().requires_grad_(False)


def save_module(module: Any, folder: Path, state: Mapping[str, Tensor]) -> None:
    """These tensors, by the module's names, as transformers stores them; with what was left out of it as it was read."""
    if module.blind_to:
        kind: Any = type(module).__mro__[1]
        whole = kind.from_pretrained(module.read_from, dtype=module.dtype, local_files_only=True)
        state = {**state, **{name: tensor for name, tensor in whole.state_dict().items() if name.startswith(module.blind_to)}}
    with quiet():
        module.save_pretrained(str(folder), state_dict=state)


def class_of(config: Any, own_code: bool = False) -> Any:
    """The class to load; of a model that sees, without eyes. Raises ValueError for what is no causal decoder."""
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, AutoModelForCausalLM

    if own_code:
        return AutoModelForCausalLM
    for known in (MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING):
        if type(config) in known:
            kind = known[type(config)]
            return _blind(kind) if config.get_text_config() is not config else kind
    raise ValueError(f"no causal decoder has the configuration of a '{config.model_type}'")


def _blind(kind: Any) -> Any:
    """The same class, which does not even make room for what it does not read text with."""

    def __init__(self: Any, config: Any, *arguments: Any, **settings: Any) -> None:
        kind.__init__(self, config, *arguments, **settings)
        if READS not in dict(self.model.named_children()):
            raise ValueError(f"a '{config.model_type}' keeps what reads and writes text in no part of its own")
        left_out = [name for name, _ in self.model.named_children() if name != READS]
        for name in left_out:
            delattr(self.model, name)
        self.blind_to = tuple(f"model.{name}." for name in left_out)

    return type(kind.__name__, (kind,), {"__init__": __init__, "__module__": kind.__module__})
