"""GGUF files: the model that comes of one is the model that went in, in every number and every token."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mutations import EVERY
from tiny import make_tiny_model
from tiny_families import FAMILIES, logits_of, model_folder
from tiny_gguf import Draft, draft_of

from rung.engine.bases.gguf.families import FAMILIES as FAMILIES_READ
from rung.engine.bases.gguf.header import Stored
from rung.engine.bases.gguf.rope import llama3_factors
from rung.engine.bases.gguf.unpack import unpacked
from rung.engine.bases.resolve import resolve
from rung.errors import UserError


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tokenizer."""
    return make_tiny_model(tmp_path_factory.mktemp("words") / "model", layers=1)


# The others are tried where every mutation is.
ALWAYS = ("llama, own head", "llama, linear", "qwen2, yarn", "qwen3, wide heads", "mixtral", "gemma2", "gemma3", "phi3", "granite")


@pytest.mark.parametrize("name", FAMILIES if EVERY else ALWAYS)
def test_a_model_comes_back_as_it_was(name: str, words: Path, tmp_path: Path, home: Path) -> None:
    kind, settings = FAMILIES[name]
    source = model_folder(tmp_path / "source", words, kind, settings)
    base = resolve(str(draft_of(source).write(tmp_path / "model.gguf")), home)
    assert base.folder
    torch.testing.assert_close(logits_of(base.folder), logits_of(source), rtol=0, atol=2e-5)


def write_llama(words: Path, tmp_path: Path, **settings: Any) -> tuple[Path, Draft]:
    source = model_folder(tmp_path / "source", words, "llama", settings)
    return source, draft_of(source)


LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


@pytest.mark.parametrize("published", [LLAMA3, LLAMA3 | {"factor": 32.0, "original_max_position_embeddings": 77}])
def test_factors_of_frequencies_are_llama_3s_scaling(published: dict[str, Any], words: Path, tmp_path: Path, home: Path) -> None:
    """llama.cpp keeps them as a tensor alone; the configuration says Llama 3 again, which every engine computes."""
    rope = {"rope_type": "llama3", "rope_theta": 1000.0, **published}
    source, draft = write_llama(words, tmp_path, rope_parameters=rope, head_dim=32)
    factors = llama3_factors(*published.values(), 1000.0, 32)
    draft.tensors["rope_freqs.weight"] = np.array(factors, np.float32)
    folder = resolve(str(draft.write(tmp_path / "model.gguf")), home).folder
    assert folder and json.loads((folder / "config.json").read_text())["rope_parameters"]["rope_type"] == "llama3"
    torch.testing.assert_close(logits_of(folder, 200), logits_of(source, 200), rtol=0, atol=2e-4)


def test_other_factors_are_carried_as_they_are(words: Path, tmp_path: Path, home: Path) -> None:
    _, draft = write_llama(words, tmp_path)
    factors = [1.0, 1.5, 1.25, 2.0, 3.0, 2.5, 8.0, 7.0]
    draft.tensors["rope_freqs.weight"] = np.array(factors, np.float32)
    folder = resolve(str(draft.write(tmp_path / "model.gguf")), home).folder
    assert folder
    rope = json.loads((folder / "config.json").read_text())["rope_parameters"]
    assert rope["long_factor"] == rope["short_factor"] == factors and rope["attention_factor"] == 1.0


def _kinds() -> dict[str, bool]:
    """Every type of quantisation, and whether the package `gguf` can unpack it."""
    import gguf

    found: dict[str, bool] = {}
    for kind in gguf.GGMLQuantizationType:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        try:
            gguf.quants.dequantize(np.zeros((1, size * (256 // block if block <= 256 else 1)), np.uint8), kind)
            found[kind.name] = True
        except NotImplementedError:
            found[kind.name] = False
    return found | {"F64": True, "F32": True, "F16": True}


@pytest.mark.parametrize(("name", "known"), _kinds().items())
def test_every_quantisation_is_unpacked_or_refused_by_name(name: str, known: bool, tmp_path: Path) -> None:
    import gguf

    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    # No byte of these makes a half-precision number that is not finite.
    raw = (np.random.default_rng(0).integers(0, 256, (4, 256 // block * size)) & 0x3F).astype(np.uint8)
    (tmp_path / "a.gguf").write_bytes(b"x" * 3 + raw.tobytes())
    stored = Stored(name="w", shape=(4, 256), kind=kind.value, file=tmp_path / "a.gguf", start=3, size=raw.nbytes)
    if not known:
        with pytest.raises(UserError, match=f"'w' is quantised as {name}"):
            unpacked(stored)
        return
    plain = {"F64": np.float64, "F32": np.float32, "F16": np.float16}.get(name)
    expected = raw.view(plain) if plain else gguf.quants.dequantize(raw, kind)
    assert np.array_equal(unpacked(stored).numpy(), expected.astype(np.float32).reshape(4, 256))


def test_a_quantised_file_is_what_its_blocks_say(words: Path, tmp_path: Path, home: Path) -> None:
    """The model by hand: each tensor unpacked, put into transformers' own, in the precision that is kept."""
    import gguf
    from transformers import AutoModelForCausalLM

    source, draft = write_llama(words, tmp_path)
    inner = [name for name in draft.tensors if "ffn" in name and "norm" not in name]
    draft.kinds = dict(zip(inner, ["Q8_0", "Q4_0", "Q5_1", "Q4_1", "Q5_0", "BF16"], strict=True))
    folder = resolve(str(draft.write(tmp_path / "model.gguf")), home).folder
    assert folder
    oracle, back = (AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32).state_dict() for place in (source, folder))
    for name, kind in draft.kinds.items():
        _, layer, part, _ = name.split(".")
        number = gguf.GGMLQuantizationType[kind]
        blocks = gguf.quants.dequantize(gguf.quants.quantize(draft.tensors[name], number), number)
        oracle[f"model.layers.{layer}.mlp.{part.removeprefix('ffn_')}_proj.weight"] = torch.from_numpy(blocks).bfloat16().float()
    for name, tensor in oracle.items():
        torch.testing.assert_close(back[name], tensor, rtol=0, atol=0, msg=name)


def test_the_page_lists_the_architectures() -> None:
    page = (Path(__file__).parents[2] / "docs" / "task-file.md").read_text("utf-8")
    listed = page.partition("`general.architecture` = ")[2].partition(".\n")[0]
    assert re.findall(r"`([^`]+)`", listed) == sorted(name for name in FAMILIES_READ if " " not in name)
