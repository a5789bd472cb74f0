"""What people have brought to others' exporters and were given something else for, without a word."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from exported import peft_folder, peft_logits, registered
from safetensors.torch import load_file, save_file
from tiny import make_tiny_model
from tiny_families import model_folder

from rung.engine.bases.gguf.header import read_header
from rung.export.base import export
from rung.export.formats import vllm
from rung.export.ggufs.read import reader_here
from rung.export.ollama.modelfile import modelfile_of
from rung.registry.home import Home

IDS = torch.randint(0, 400, (1, 24), generator=torch.Generator().manual_seed(3))
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("words") / "model", layers=1)


def test_a_merged_folder_holds_no_adapter_that_would_be_put_on_twice(
    registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = export(registered(registry, tiny_base, [plain_adapter]), "merged", tmp_path, check=False).folder
    assert not list(folder.glob("adapter_*"))
    with torch.inference_mode():
        said = AutoModelForCausalLM.from_pretrained(folder)(IDS).logits
    torch.testing.assert_close(said, peft_logits(tiny_base, [plain_adapter], IDS), rtol=0, atol=1e-4)
    assert AutoTokenizer.from_pretrained(folder).chat_template == AutoTokenizer.from_pretrained(tiny_base).chat_template


def test_an_adapter_that_trains_a_budget_of_ranks(registry: Home, tiny_base: Path, tmp_path: Path) -> None:
    settings = {"init_r": 4, "target_r": 2, "lora_alpha": 12, "total_step": 10}
    adapter = peft_folder(tiny_base, tmp_path / "budget", kind="AdaLoraConfig", **settings)
    for name in ("baked", "merged", "vllm"):
        made = export(registered(registry, tiny_base, [adapter]), name, tmp_path)
        assert made.agreement and made.agreement.value < made.agreement.limit / 10


def test_scaled_positions_are_no_part_of_an_adapters_file(registry: Home, words: Path, tmp_path: Path) -> None:
    base = model_folder(tmp_path / "base", words, "llama", {"rope_parameters": LLAMA3, "head_dim": 32})
    adapter = peft_folder(base, tmp_path / "adapter", use_rslora=True)
    folder = export(registered(registry, base, [adapter]), "gguf_adapter", tmp_path, check=False).folder
    assert {name[-7:] for name in read_header(folder / "adapter.gguf").tensors} == {".lora_a", ".lora_b"}
    whole = export(registered(registry, base, [adapter]), "gguf", tmp_path, check=False).folder
    assert "rope_freqs.weight" in read_header(whole / "model.gguf").tensors


def test_modules_called_as_in_a_model_that_sees_are_called_as_in_the_base(
    registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path
) -> None:
    seeing = Path(shutil.copytree(plain_adapter, tmp_path / "seeing"))
    file = seeing / "adapter_model.safetensors"
    named = {name.replace(".model.layers.", ".model.language_model.layers."): one for name, one in load_file(file).items()}
    save_file(named, file, metadata={"format": "pt"})
    subject = registered(registry, tiny_base, [seeing])
    assert vllm.is_baked(subject)
    folder = export(subject, "vllm", tmp_path / "out").folder
    assert set(load_file(folder / "adapter/adapter_model.safetensors")) == set(
        load_file(plain_adapter / "adapter_model.safetensors")
    )


def test_rows_that_pad_a_vocabulary_are_tokens_that_nobody_writes(registry: Home, words: Path, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(words)
    config = AutoConfig.from_pretrained(words)
    config.vocab_size = len(tokenizer) + 5
    base = tmp_path / "padded"
    AutoModelForCausalLM.from_config(config).save_pretrained(base)
    tokenizer.save_pretrained(base)
    metadata = read_header(export(registered(registry, base), "gguf", tmp_path, check=False).folder / "model.gguf").metadata
    assert metadata["tokenizer.ggml.tokens"][-1] == f"[PAD{len(tokenizer) + 4}]"
    assert metadata["tokenizer.ggml.token_type"][-5:] == [5] * 5


def test_every_token_that_ends_an_answer_stops_it_elsewhere_too(
    registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    (base / "generation_config.json").write_text(json.dumps({"eos_token_id": [0, 2]}))
    subject = registered(registry, base, [plain_adapter])
    text = modelfile_of(subject, "./model.gguf").text
    assert 'PARAMETER stop """<|endoftext|>"""' in text and 'PARAMETER stop """<|im_end|>"""' in text
    metadata: Any = read_header(export(subject, "gguf", tmp_path, check=False).folder / "model.gguf").metadata
    assert (metadata["tokenizer.ggml.eos_token_id"], metadata["tokenizer.ggml.eot_token_id"]) == (2, 0)


def test_the_template_of_a_base_with_several(registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    (base / "additional_chat_templates").mkdir()
    (base / "additional_chat_templates" / "tool_use.jinja").write_text("{{ messages[0].content }}")
    subject = registered(registry, base, [plain_adapter])
    merged = export(subject, "merged", tmp_path, check=False).folder
    assert (merged / "additional_chat_templates" / "tool_use.jinja").is_file()
    metadata = read_header(export(subject, "gguf", tmp_path, check=False).folder / "model.gguf").metadata
    assert metadata["tokenizer.chat_templates"] == ["tool_use"]
    served = export(subject, "vllm", tmp_path, check=False).folder
    assert (served / "chat_template.jinja").read_text() == (tiny_base / "chat_template.jinja").read_text()


def test_words_that_somebody_put_into_a_configuration_are_no_part_of_the_model(
    registry: Home, tiny_base: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    said = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps(said | {"_model_name_or_path": "mix 1", "our_run": {"steps": 7}}))
    assert export(registered(registry, base), "gguf", tmp_path, check=False).files


def test_a_base_whose_matrices_lie_the_other_way(registry: Home, words: Path, tmp_path: Path) -> None:
    """GPT-2's are transposed, say nothing of their inner width, and hold queries, keys and values in one."""
    base = model_folder(tmp_path / "base", words, "gpt2", {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256})
    adapter = peft_folder(base, tmp_path / "adapter", target_modules=["c_attn", "c_fc"], fan_in_fan_out=True, use_rslora=True)
    subject = registered(registry, base, [adapter])
    for name in ("baked", "merged"):
        made = export(subject, name, tmp_path)
        assert made.agreement and made.agreement.value < made.agreement.limit / 10
    assert export(subject, "gguf", tmp_path, check=find_spec(reader_here()) is not None).files
