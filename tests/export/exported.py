"""Versions to export: adapters of every kind on tiny bases, registered without a climb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung.engine.bases.resolve import resolve
from rung.export.subject import Options, Subject, subject_of
from rung.registry.home import Home
from rung.registry.names import Evidence
from rung.types import Candidate

TARGETS = ("q_proj", "v_proj", "down_proj")
# Scales that programs get wrong: by the root of the rank, by rank and alpha of their own.
ODD_SCALES: dict[str, Any] = {
    "use_rslora": True,
    "rank_pattern": {"down_proj": 6, "layers.1.self_attn.q_proj": 2},
    "alpha_pattern": {"q_proj": 5, "layers.0.mlp.down_proj": 3},
}


def peft_folder(base: Path, folder: Path, seed: int = 0, kind: str = "LoraConfig", **settings: Any) -> Path:
    """An adapter as PEFT saves it, with numbers in all that it trains."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    given = {"target_modules": list(TARGETS), "task_type": "CAUSAL_LM"} | settings
    if kind == "LoraConfig":
        given = {"r": 4, "lora_alpha": 12} | given
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(base), getattr(peft, kind)(**given))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    model.save_pretrained(folder)
    return folder


def registered(
    home: Home, base: Path | str, adapters: Sequence[Path] = (), *, options: Options | None = None, **fields: Any
) -> Subject:
    """The next version of `tone`, to be exported."""
    found = resolve(str(base), home.path, blobs=home.blobs)
    candidate = Candidate(
        rung="r4_adapter",
        base=found.pinned,
        template=found.template_digest,
        adapters=tuple(home.blobs.put_tree(folder) for folder in adapters),
        **fields,
    )
    home.candidates.add(candidate, "")
    ref = home.names.register("tone", candidate.id, Evidence(claimed="made for a test"))
    return subject_of(home, ref, options=options)


def peft_logits(base: Path, adapters: Sequence[Path], ids: Any) -> Any:
    """PEFT's own, all adapters at once."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    for number, folder in enumerate(adapters):
        if number:
            model.load_adapter(str(folder), adapter_name=f"a{number}")
        else:
            model = PeftModel.from_pretrained(model, str(folder), adapter_name="a0")
    model.base_model.set_adapter([f"a{number}" for number in range(len(adapters))])
    with torch.inference_mode():
        return model.eval()(ids).logits
