"""What llama.cpp makes of a GGUF file, by llama-cpp-python: the same tokens of a prompt, and what it says next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.engine.encoding import OPEN
from rung.errors import UserError
from rung.export.agree import Probe

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_CONTEXT = 256
_F32 = 0  # of ggml's types: keys and values are not to be rounded while files are compared


def llama_says(model: Path, probes: Sequence[Probe], adapter: Path | None = None) -> tuple[Tensor, ...]:
    """As `agree.asked_of`. Raises UserError where llama.cpp cuts a prompt into other tokens."""
    import torch
    from llama_cpp import Llama

    longest = max(len(probe.ids) for probe in probes)
    context = max(_LEAST_CONTEXT, longest + 1)
    llama: Any = Llama(
        model_path=str(model),
        lora_path=str(adapter) if adapter else None,
        n_ctx=context,
        n_batch=context,
        n_gpu_layers=0,
        logits_all=True,
        type_k=_F32,
        type_v=_F32,
        verbose=False,
    )
    try:
        said = []
        for probe in probes:
            _refuse_other_tokens(llama, probe)
            llama.reset()
            llama.eval(list(probe.ids))
            said.append(torch.from_numpy(llama.scores[probe.first : len(probe.ids)].copy()))
        return tuple(said)
    finally:
        llama.close()


def _refuse_other_tokens(llama: Any, probe: Probe) -> None:
    """What stands in somebody's text like a control token is text here, and cannot be said so there."""
    if OPEN in probe.text:
        return
    ours = list(probe.ids[: probe.start])
    theirs = list(llama.tokenize(probe.text.encode(), add_bos=False, special=True))
    if theirs == ours:
        return
    alike = next((at for at, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), min(len(theirs), len(ours)))
    before = llama.detokenize(ours[:alike], special=True).decode("utf-8", "replace")[-40:]
    raise UserError(
        f"llama.cpp cuts a prompt into {len(theirs)} tokens, the base's tokenizer into {len(ours)}, apart behind {before!r}",
        hint="Every answer would be to another prompt. Export it for transformers instead.",
    )
