"""Configuration and tensors are compared: what transformers computes is computed, what does not fit is refused by its name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import make_tiny_model

from rung.engine.backend import Request
from rung.engine.local.answering import Answering
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.model import LocalModel
from rung.engine.local.precision import stored_dtype
from rung.errors import UserError

HEAD, EMBEDDING, NORM = "lm_head.weight", "model.embed_tokens.weight", "model.norm.weight"
IDS = torch.arange(20, 60)


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "copy"))


def configure(folder: Path, *left_out: str, **changes: Any) -> None:
    file = folder / "config.json"
    config = {key: value for key, value in (json.loads(file.read_text()) | changes).items() if key not in left_out}
    file.write_text(json.dumps(config))


def retensor(folder: Path, change) -> None:
    """The folder's tensors, as `change` leaves them."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"}
    )


def load(folder: Path) -> LocalModel:
    return LocalModel.load(folder, dtype=torch.float32, device="cpu")


@torch.inference_mode()
def ours(folder: Path) -> torch.Tensor:
    decoder = load(folder).decoder
    layout = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(IDS))
    return decoder.logits(decoder.hidden(IDS, torch.arange(len(IDS)), layout))


@torch.inference_mode()
def theirs(folder: Path) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(IDS[None]).logits[0]


def refused(folder: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load(folder)
    assert caught.value.where.startswith(str(folder)) and caught.value.hint
    return caught.value


def plain(folder: Path) -> None:
    """Nothing is changed."""


def other_head(folder: Path) -> None:
    torch.manual_seed(1)
    retensor(folder, lambda tensors: tensors.update({HEAD: torch.randn_like(tensors[EMBEDDING]) / 8}))


def same_head(folder: Path) -> None:
    retensor(folder, lambda tensors: tensors.update({HEAD: tensors[EMBEDDING].clone()}))


def head_alone(folder: Path) -> None:
    retensor(folder, lambda tensors: tensors.update({HEAD: tensors.pop(EMBEDDING)}))


def old_rope(folder: Path) -> None:
    configure(folder, "rope_parameters", rope_theta=700.0, rope_scaling={"type": "linear", "factor": 3.0})


def defaults(folder: Path) -> None:
    configure(folder, "rope_parameters", "rms_norm_eps", "max_position_embeddings", "hidden_act", "head_dim", "dtype")


def mixed_types(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors |= {name: tensor.bfloat16() for name, tensor in tensors.items() if tensor.ndim == 2}

    retensor(folder, change)


@pytest.mark.parametrize("change", [plain, other_head, same_head, head_alone, old_rope, defaults, mixed_types])
def test_what_transformers_computes_is_computed(copy, change):
    change(copy)
    assert torch.allclose(ours(copy), theirs(copy), atol=2e-4)


def test_a_head_of_its_own_unties(copy):
    weights = load(copy).decoder.weights
    assert weights.head is weights.embedding
    same_head(copy)
    assert load(copy).config.tied
    other_head(copy)
    model = load(copy)
    assert not model.config.tied and torch.equal(model.decoder.weights.head, load_file(copy / "model.safetensors")[HEAD])


def test_the_stored_precision_is_that_of_most_numbers(copy):
    mixed_types(copy)
    assert stored_dtype(copy) == torch.bfloat16


def _layer(name: str) -> str:
    return f"model.layers.1.{name}"


def _nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors[_layer("mlp.up_proj.weight")][3, 5] = float("nan")


def _wrapped(tensors: dict[str, torch.Tensor]) -> None:
    for name in list(tensors):
        tensors[f"_orig_mod.{name}"] = tensors.pop(name)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(NORM), f"they lack {NORM}"),
        (lambda t: [t.pop(name) for name in list(t) if "layers.2." in name], "and 4 more"),
        (lambda t: t.update({NORM: torch.ones(63)}), f"of another shape are {NORM} (63,) where (64,) is asked for"),
        (lambda t: t.update({EMBEDDING: torch.ones(500, 64)}), f"{EMBEDDING} (500, 64) where (512, 64)"),
        (
            lambda t: t.update({_layer("self_attn.q_proj.bias"): torch.ones(64)}),
            "does not ask for model.layers.1.self_attn.q_proj.b",
        ),
        (
            lambda t: t.update({_layer("self_attn.q_norm.weight"): torch.ones(16)}),
            "does not ask for model.layers.1.self_attn.q_norm",
        ),
        (lambda t: t.update({"model.layers.3.mlp.up_proj.weight": torch.ones(1)}), "not ask for model.layers.3.mlp.up_proj.weight"),
        (_nan, "not finite numbers: model.layers.1.mlp.up_proj.weight"),
        (_wrapped, "they lack"),
    ],
)
def test_tensors_that_do_not_fit_are_named(copy, change, words):
    retensor(copy, change)
    assert words in refused(copy).problem


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("_orig_mod.model.norm.weight", "hold '_orig_mod.', which is a wrapper's"),
        ("model.layers.1._fsdp_wrapped_module.mlp.up_proj.weight", "hold '_fsdp_wrapped_module.'"),
        ("base_model.model.model.layers.0.mlp.up_proj.base_layer.weight", "hold 'base_model.model.'"),
    ],
)
def test_a_wrapper_that_was_saved_along_is_named(copy, name, hint):
    retensor(copy, lambda tensors: tensors.update({name: tensors.pop(NORM)}))
    assert hint in refused(copy).hint


@pytest.mark.parametrize("part", ["q_proj.lora_A.weight", "q_proj.lora_B.default.weight", "q_proj.base_layer.weight"])
def test_an_adapter_that_was_not_merged_is_named(copy, part):
    retensor(copy, lambda tensors: tensors.update({f"model.layers.1.self_attn.{part}": torch.ones(4, 4)}))
    assert "an adapter that was not merged" in refused(copy).hint


@pytest.mark.parametrize("kind", ["su", "Linear"])
def test_a_kind_of_angles_that_nobody_knows_is_named_with_its_key(copy, kind):
    configure(copy, "rope_parameters", rope_theta=700.0, rope_scaling={"type": kind, "factor": 3.0})
    assert f"it does not know rope_scaling.type = '{kind}'" in refused(copy).problem


def test_what_one_process_of_several_saved_is_named(copy):
    retensor(copy, lambda tensors: tensors.update({NORM: torch.ones(0)}))
    assert "save the gathered model" in refused(copy).hint


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
def test_parts_that_an_architecture_always_has_are_asked_for(tmp_path, kind):
    from transformers import AutoConfig, AutoModelForCausalLM

    make_tiny_model(tmp_path)
    sizes = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes, head_dim=8, num_key_value_heads=2))
    model.save_pretrained(tmp_path)
    assert torch.allclose(ours(tmp_path), theirs(tmp_path), atol=2e-4)
    part = "k_proj.bias" if kind == "qwen2" else "k_norm.weight"
    retensor(tmp_path, lambda tensors: tensors.pop(f"model.layers.0.self_attn.{part}"))
    assert f"they lack model.layers.0.self_attn.{part}" in refused(tmp_path).problem


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": "64"}, "'hidden_size' expected int"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0, not a whole number above 0"),
        ({"vocab_size": -1}, "vocab_size is -1"),
        ({"max_position_embeddings": 0}, "max_position_embeddings is 0"),
        ({"max_position_embeddings": 1e30}, "'max_position_embeddings' expected int"),
        ({"num_key_value_heads": 3}, "num_key_value_heads is 3, which does not divide the 4 heads"),
        ({"rope_parameters": {"factor": 8.0, "rope_theta": 1e4}}, "rotary positions have a factor, and no kind of scaling"),
        ({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, "Missing required keys"),
        ({"rope_parameters": "x"}, "rope_parameters"),
        ({"tie_word_embeddings": "yes"}, "'tie_word_embeddings' expected bool"),
        ({"num_attention_heads": 8}, "of another shape are"),
        ({"vocab_size": 513}, f"{EMBEDDING} (512, 64) where (513, 64)"),
    ],
)
def test_settings_that_cannot_be_are_refused(copy, changes, words):
    configure(copy, **changes)
    assert words in refused(copy).problem


@pytest.mark.parametrize(("value", "ends"), [(7, {2, 7}), ([7, 8], {2, 7, 8}), (None, {2})])
def test_ends_of_an_answer_as_the_model_says_them(copy, value, ends):
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": value}))
    assert load(copy).end_tokens == ends


@pytest.mark.parametrize("value", ["2", [2, "a"], True, -1, {}])
def test_an_end_that_is_no_number_is_refused(copy, value):
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": value}))
    with pytest.raises(UserError, match=r"eos_token_id is .*, neither a number nor a list of numbers") as caught:
        _ = load(copy).end_tokens
    assert caught.value.where.endswith("generation_config.json")


def test_rows_that_pad_the_vocabulary_are_never_written(copy):
    """Eight rows beyond the tokenizer, the likeliest of all."""
    configure(copy, vocab_size=520)
    retensor(copy, lambda tensors: tensors.update({EMBEDDING: torch.cat([tensors[EMBEDDING], tensors[EMBEDDING][:8] * 9])}))
    assert int(theirs(copy)[-1].argmax()) >= 512
    model = load(copy)
    assert model.unsayable.tolist() == [*range(512, 520)]
    for temperature in (0.0, 1.5):
        ask = Request(messages=({"role": "user", "content": "Hello"},), max_tokens=8, temperature=temperature, seed=1)
        answer = Answering(model).answer([ask])[0]
        made = model.tokenizer.encode(answer.text, add_special_tokens=False)
        assert answer.completion_tokens and all(token < 512 for token in made) and made


def add_token(folder: Path, *, special: bool) -> None:
    file = folder / "tokenizer.json"
    content = json.loads(file.read_text())
    last = {
        "id": 512,
        "content": "<own>",
        "special": special,
        "normalized": False,
        "lstrip": False,
        "rstrip": False,
        "single_word": False,
    }
    content["added_tokens"].append(last)
    file.write_text(json.dumps(content))


def test_a_tokenizer_larger_than_the_embedding_is_refused(copy):
    add_token(copy, special=False)
    told = refused(copy)
    assert "tokens that the weights have no row for: '<own>' is number 512, of 512 rows" in told.problem
    assert "resize_token_embeddings" in told.hint


def test_a_padding_token_that_nothing_writes_needs_no_row(copy):
    add_token(copy, special=True)
    assert load(copy).tokenizer.encode("<own>")[-1] == 512, "only text that is fenced ever says it"
    template = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").write_text(template + "<own>")
    assert "no row for: '<own>'" in refused(copy).problem


# --- the same of what transformers' own code computes


@pytest.fixture
def granite(tmp_path: Path) -> Path:
    """Of a family without a file of its own here; its head is its embedding."""
    from transformers import AutoConfig, AutoModelForCausalLM

    make_tiny_model(tmp_path)
    sizes = {"vocab_size": 512, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    config = AutoConfig.for_model("granite", **sizes, num_key_value_heads=2, tie_word_embeddings=True, initializer_range=0.2)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    return tmp_path


def test_hooked_models_take_the_same_files_and_heads(granite):
    other_head(granite)
    wanted = theirs(granite)
    (granite / "model.safetensors").rename(granite / "model.fp16.safetensors")
    (granite / "consolidated.safetensors").write_bytes(b"")
    assert torch.allclose(ours(granite), wanted, atol=2e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(NORM), f"they lack {NORM}"),
        (
            lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": torch.ones(32)}),
            "does not ask for model.layers.0.self_attn.q",
        ),
        (lambda t: t.update({NORM: torch.full((32,), torch.inf)}), f"not finite numbers: {NORM}"),
    ],
)
def test_hooked_models_are_refused_alike(granite, change, words):
    retensor(granite, change)
    assert words in refused(granite).problem


def test_a_hooked_models_settings_are_read_alike(granite):
    configure(granite, hidden_size="32")
    assert "'hidden_size' expected int" in refused(granite).problem
