"""GGUF files of merged models and of adapters: the numbers that went in, by llama.cpp's own names, and by llama.cpp itself."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exported import peft_folder, registered
from mutations import EVERY
from tiny import make_tiny_model
from tiny_families import FAMILIES, logits_of, model_folder
from tiny_gguf import draft_of

from rung.engine.bases.gguf.header import read_header
from rung.engine.bases.gguf.unpack import unpacked
from rung.engine.bases.resolve import resolve
from rung.errors import UserError
from rung.export.base import export
from rung.export.ggufs.read import BOUND, COMPILED, reader_here
from rung.export.subject import Options
from rung.registry.home import Home

NO_BINDING = find_spec(BOUND) is None
COMPILES = "llama-cpp-python is not installed: pip install 'rung[llama]' compiles it"
needs_llama = pytest.mark.skipif(find_spec(reader_here()) is None, reason=f"{COMPILES}; cyllama comes compiled")
needs_binding = pytest.mark.skipif(NO_BINDING, reason=COMPILES)
# llama.cpp rounds within its products, whatever its files are written as.
NEAR = 1e-5
# The others are tried where every mutation is.
ALWAYS = ("llama, own head", "qwen2, yarn", "phi3")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("words") / "model", layers=1)


@pytest.fixture(scope="session")
def merged_pair(odd_adapter: Path, plain_adapter: Path) -> list[Path]:
    return [odd_adapter, plain_adapter]


@pytest.mark.parametrize("name", FAMILIES if EVERY else ALWAYS)
def test_a_base_is_written_as_llama_cpps_own_names_have_it(
    name: str, words: Path, tmp_path: Path, registry: Home, home: Path
) -> None:
    """Against another writer, which takes its names from the package `gguf`; and read again, it is the base."""
    kind, settings = FAMILIES[name]
    source = model_folder(tmp_path / "source", words, kind, settings)
    made = export(registered(registry, source), "gguf", tmp_path / "out", check=False)
    found, draft = read_header(made.folder / "model.gguf"), draft_of(source)
    assert set(found.tensors) == set(draft.tensors)
    for tensor, numbers in draft.tensors.items():
        np.testing.assert_allclose(unpacked(found.tensors[tensor]).numpy(), numbers, rtol=0, atol=1e-6)
    for key, value in draft.metadata.items():
        if not key.startswith(("tokenizer.ggml.add_", "tokenizer.ggml.pre")) and key in found.metadata:
            assert found.metadata[key] == pytest.approx(value) if isinstance(value, float) else found.metadata[key] == value, key
    base = resolve(str(made.folder / "model.gguf"), home)
    assert base.folder
    torch.testing.assert_close(logits_of(base.folder), logits_of(source), rtol=0, atol=2e-5)


def test_a_merged_model_read_again_is_the_adapter_on_its_base(
    registry: Home, home: Path, tiny_base: Path, merged_pair: list[Path], tmp_path: Path
) -> None:
    subject = registered(registry, tiny_base, merged_pair, prompt="Be brief.")
    made = export(subject, "gguf", tmp_path, check=False)
    merged = export(subject, "merged", tmp_path, check=False)
    base = resolve(str(made.folder / "model.gguf"), home)
    assert base.folder
    torch.testing.assert_close(logits_of(base.folder), logits_of(merged.folder), rtol=0, atol=2e-5)
    assert "the system prompt" not in made.left_out and (made.folder / "Modelfile").read_text().startswith("FROM ./model.gguf\n")
    again = export(subject, "gguf", tmp_path / "again", check=False)
    assert [one.digest for one in again.files] == [one.digest for one in made.files]


def test_an_adapter_is_low_rank_of_llama_cpps_own_tensors(
    registry: Home, tiny_base: Path, merged_pair: list[Path], tmp_path: Path
) -> None:
    """Added to the base's own file, alpha / rank B A is the merged model's file."""
    subject = registered(registry, tiny_base, merged_pair)
    made = [
        export(one, name, tmp_path / str(place), check=False).folder
        for place, (one, name) in enumerate(
            [(subject, "gguf_adapter"), (subject, "gguf"), (registered(registry, tiny_base), "gguf")]
        )
    ]
    adapter, whole, base = (read_header(next(folder.glob("*.gguf"))) for folder in made)
    assert adapter.metadata["general.type"] == "adapter" and adapter.metadata["adapter.type"] == "lora"
    paired = {name.rpartition(".lora_")[0] for name in adapter.tensors}
    for name, stored in whole.tensors.items():
        numbers = unpacked(base.tensors[name])
        if name in paired:
            down, up = (unpacked(adapter.tensors[f"{name}.lora_{side}"]) for side in "ab")
            numbers = numbers + adapter.metadata["adapter.lora.alpha"] / len(down) * (up @ down)
        torch.testing.assert_close(numbers, unpacked(stored), rtol=0, atol=1e-5)
    assert len(paired) == 9


def test_narrow_matrices_and_exact_norms(registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path) -> None:
    options = Options(dtype="bfloat16")
    made = export(registered(registry, tiny_base, [plain_adapter], options=options), "gguf", tmp_path, check=False)
    tensors = read_header(made.folder / "model.gguf").tensors
    assert {tensor.kind for tensor in tensors.values() if len(tensor.shape) == 1} == {0}
    assert {tensor.kind for tensor in tensors.values() if len(tensor.shape) > 1} == {30}


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("llama", {"hidden_act": "gelu"}, "cannot say hidden_act = 'gelu'"),
        ("gemma3_text", {"query_pre_attn_scalar": 99, "num_hidden_layers": 6}, "cannot say query_pre_attn_scalar = 99"),
        ("mistral", {"sliding_window": 8}, "cannot say sliding_window = 8"),
        ("stablelm", {}, "the architecture 'stablelm' are not written as GGUF"),
    ],
)
def test_what_the_format_cannot_say_is_refused(
    registry: Home, words: Path, tmp_path: Path, kind: str, settings: dict[str, Any], said: str
) -> None:
    source = model_folder(tmp_path / "source", words, kind, settings)
    with pytest.raises(UserError, match=said):
        export(registered(registry, source), "gguf", tmp_path, check=False)
    assert not (tmp_path / "gguf").exists()


def test_a_tokenizer_that_cuts_in_its_own_way_is_refused(registry: Home, words: Path, tmp_path: Path) -> None:
    source = model_folder(tmp_path / "source", words, "llama", {})
    core = json.loads((source / "tokenizer.json").read_text())
    core["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, core["pre_tokenizer"]]}
    (source / "tokenizer.json").write_text(json.dumps(core))
    with pytest.raises(UserError, match=r"not written as GGUF: a step of it \(Whitespace\)"):
        export(registered(registry, source), "gguf", tmp_path, check=False)


@needs_llama
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "phi3"] if EVERY else ["gemma3"])
def test_llama_cpp_says_the_same(registry: Home, words: Path, tmp_path: Path, name: str) -> None:
    kind, settings = FAMILIES[name]
    source = model_folder(tmp_path / "source", words, kind, settings)
    made = export(registered(registry, source), "gguf", tmp_path)
    assert made.agreement and made.agreement.value < NEAR


@needs_llama
@pytest.mark.parametrize("name", ["gguf", pytest.param("gguf_adapter", marks=needs_binding)])
def test_llama_cpp_says_the_same_with_adapters(
    registry: Home, tiny_base: Path, merged_pair: list[Path], tmp_path: Path, name: str
) -> None:
    made = export(registered(registry, tiny_base, merged_pair), name, tmp_path)
    assert made.agreement and made.agreement.value < NEAR


@pytest.mark.skipif(find_spec(COMPILED) is None, reason="cyllama is not installed")
def test_llama_cpp_takes_an_adapter_for_its_base(
    registry: Home, tiny_base: Path, merged_pair: list[Path], tmp_path: Path, words: Path
) -> None:
    """Its own loader looks at every name and shape; a base of other shapes is refused."""
    from cyllama.llama import llama_cpp

    adapter = export(registered(registry, tiny_base, merged_pair), "gguf_adapter", tmp_path, check=False).folder
    fitting = export(registered(registry, tiny_base), "gguf", tmp_path, check=False).folder
    other = export(registered(registry, words), "gguf", tmp_path / "other", check=False).folder
    llama_cpp.disable_logging()
    llama_cpp.ggml_backend_load_all()
    models = [llama_cpp.LlamaModel(str(folder / "model.gguf"), llama_cpp.LlamaModelParams()) for folder in (fitting, other)]
    assert models[0].lora_adapter_init(str(adapter / "adapter.gguf")) is not None
    with pytest.raises(Exception, match=r"(?i)lora|adapter"):
        models[1].lora_adapter_init(str(adapter / "adapter.gguf"))


@needs_llama
def test_llama_cpp_computes_no_window_where_its_phi3_has_none(registry: Home, words: Path, tmp_path: Path) -> None:
    """What its file says and it passes over is seen in what it answers."""
    source = model_folder(tmp_path / "source", words, *FAMILIES["phi3"])
    with pytest.raises(UserError, match="does not agree"):
        export(registered(registry, source), "gguf", tmp_path)
    assert not (tmp_path / "gguf").exists()


@needs_llama
def test_a_tokenizer_that_llama_cpp_cuts_otherwise_is_refused(
    registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lone digits are cut apart by one name, and not by another; the vocabulary is the same."""
    from rung.export.ggufs import tokens

    monkeypatch.setattr(tokens, "_cut_of", lambda core: "deepseek-coder")
    with pytest.raises(UserError, match=r"llama.cpp cuts a prompt into \d+ tokens, the base's tokenizer into \d+, apart behind"):
        export(registered(registry, tiny_base, [plain_adapter]), "gguf", tmp_path)
    assert not (tmp_path / "gguf").exists()


@needs_llama
def test_a_base_whose_head_is_changed_gets_one_of_its_own(registry: Home, tiny_base: Path, tmp_path: Path) -> None:
    adapter = peft_folder(tiny_base, tmp_path / "head", modules_to_save=["lm_head"])
    made = export(registered(registry, tiny_base, [adapter]), "gguf", tmp_path)
    assert made.agreement and made.agreement.value < NEAR
    assert "output.weight" in read_header(made.folder / "model.gguf").tensors
