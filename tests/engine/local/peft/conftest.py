from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from oracle import load


def remade(folder: Path, target: Path, **changes: object) -> Path:
    """The tiny model of another configuration, freshly drawn, biases and norms included."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    raw = json.loads((folder / "config.json").read_text("utf-8"))
    raw = {key: value for key, value in raw.items() if key not in ("architectures", "head_dim")} | changes
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(raw.pop("model_type"), **raw)).float()
    for name, parameter in model.named_parameters():
        if "bias" in name or "norm" in name:
            torch.nn.init.normal_(parameter, 1.0 if name.endswith("norm.weight") else 0.0, 0.3)
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(folder).save_pretrained(target)
    return target


@pytest.fixture(scope="session")
def biased_base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose queries, keys and values have biases, and whose head is its own."""
    return remade(tiny_base, tmp_path_factory.mktemp("biased") / "model", model_type="qwen2", tie_word_embeddings=False)


@pytest.fixture(scope="session")
def tied_base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base whose head is its embedding."""
    return remade(tiny_base, tmp_path_factory.mktemp("tied") / "model", tie_word_embeddings=True)


@pytest.fixture(scope="session")
def bases(biased_base: Path, tied_base: Path) -> dict[str, tuple[Path, object]]:
    return {"biased": (biased_base, load(biased_base)), "tied": (tied_base, load(tied_base))}
