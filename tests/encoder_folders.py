"""sentence-transformers folders of random weights with any steps, as that library writes them; and what torch makes of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny_encoder import make_transformer

MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
WIDTH = 32


def write(folder: Path, name: str, value: Any) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value))


def make_folder(
    folder: Path,
    steps: Sequence[tuple[str, Mapping[str, Any]]] = (("Pooling", {"pooling_mode": "mean"}),),
    *,
    first: str = "",
    settings: Mapping[str, Any] | None = None,
    read: Mapping[str, Any] | None = None,
) -> Path:
    """A tiny BERT in the folder `first` of `folder`, and the steps behind it.

    settings  config_sentence_transformers.json
    read      sentence_bert_config.json, {"max_seq_length": 16} where left out
    """
    import torch
    from safetensors.torch import save_file

    root = folder / first
    make_transformer(root)
    shutil.rmtree(root / "1_Pooling")
    write(root, "sentence_bert_config.json", {"max_seq_length": 16} if read is None else read)
    listed = [{"idx": 0, "name": "0", "path": first, "type": "sentence_transformers.models.Transformer"}]
    draw = torch.Generator().manual_seed(7)
    for number, (kind, config) in enumerate(steps, start=1):
        path = f"{number}_{kind}"
        listed.append({"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"})
        write(folder, f"{path}/config.json", config)
        tensors = {}
        if kind == "Dense":
            size = (config["out_features"], config["in_features"])
            tensors["linear.weight"] = torch.randn(size, generator=draw)
            if config.get("bias", True):
                tensors["linear.bias"] = torch.randn(size[0], generator=draw)
            if config.get("use_residual") and size[0] != size[1]:
                tensors["residual.weight"] = torch.randn(size, generator=draw)
        elif kind == "LayerNorm":
            tensors = {f"norm.{name}": torch.randn(config["dimension"], generator=draw) for name in ("weight", "bias")}
        if tensors:
            save_file(tensors, folder / path / "model.safetensors")
    write(folder, "modules.json", listed)
    write(folder, "config_sentence_transformers.json", settings or {})
    return folder


def states(root: Path, text: str, longest: int = 16):
    """(tokens, width): the transformer's own vectors of a text."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(root), AutoModel.from_pretrained(root).eval()
    with torch.inference_mode():
        return model(**tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")).last_hidden_state[0]


def pooled(states: Any, mode: str, skip: int = 0):
    """One mode over the tokens behind the first `skip`, in as many words as torch needs."""
    import torch

    kept = states[skip:]
    weights = torch.arange(skip + 1, len(states) + 1).float()[:, None]
    return {
        "cls": kept[0],
        "max": kept.max(0).values,
        "mean": kept.mean(0),
        "mean_sqrt_len_tokens": kept.sum(0) / len(kept) ** 0.5,
        "weightedmean": (kept * weights).sum(0) / weights.sum(),
        "lasttoken": states[-1],
    }[mode]
