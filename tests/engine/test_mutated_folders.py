"""Model folders with one thing wrong, each made from a good one: answered as transformers answers, or refused by file and key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from mutations import Mutation, check_refused_or_right, some
from tiny import make_tiny_model

from rung.engine.backend import Request
from rung.engine.bases.resolve import resolve
from rung.engine.local.answering import Answering
from rung.engine.local.model import LocalModel
from rung.parts import ChoiceConstraint

IDS = list(range(3, 40))
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("good") / "model", layers=2)


def in_json(file: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Random], None]:
    def apply(folder: Path, _draw: Random) -> None:
        value = json.loads((folder / file).read_text("utf-8"))
        change(value)
        (folder / file).write_text(json.dumps(value), "utf-8")

    return apply


def setting(name: str, value: Any, says: str | None = None, only: str | None = None) -> Mutation:
    """Of the configuration, one value is another; None leaves it out."""

    def change(config: dict[str, Any]) -> None:
        config[name] = value
        if value is None:
            del config[name]

    said = name if says is None else says
    return Mutation(
        name=f"config: {name} = {str(value)[:40]}", apply=in_json("config.json", change), says=(said,) if said else (), only=only
    )


def weights(change: Callable[[dict[str, torch.Tensor], Random], object]) -> Callable[[Path, Random], None]:
    from safetensors.torch import load_file, save_file

    def apply(folder: Path, draw: Random) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors, draw)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"})

    return apply


def tensor(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path, Random], None]:
    return weights(lambda tensors, _draw: tensors.__setitem__(name, change(tensors[name])))


def _without(value: torch.Tensor) -> torch.Tensor:
    changed = value.clone()
    changed.view(-1)[5] = float("nan")
    return changed


def in_shards(change: Callable[[Path, dict[str, str]], object]) -> Callable[[Path, Random], None]:
    """The weights in two files and an index, then one thing of them wrong; `change` may alter the index's map."""
    from safetensors.torch import load_file, save_file

    def apply(folder: Path, _draw: Random) -> None:
        tensors = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        places = {name: (ONE, TWO)[number % 2] for number, name in enumerate(sorted(tensors))}
        for file in (ONE, TWO):
            save_file({name: tensors[name] for name in places if places[name] == file}, folder / file, {"format": "pt"})
        change(folder, places)
        (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}), "utf-8")

    return apply


def damaged(file: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Random], None]:
    return lambda folder, _draw: (folder / file).write_bytes(change((folder / file).read_bytes()))


Q, DOWN, NORM = "model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight", "model.norm.weight"
CONFIG = [
    *(
        setting(name, None)
        for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
    ),
    *(setting(name, None) for name in ("rms_norm_eps", "max_position_embeddings", "model_type", "tie_word_embeddings")),
    *(
        setting(name, None, "", only="right")
        for name in ("head_dim", "architectures", "torch_dtype", "rope_parameters")
        if name != "torch_dtype"
    ),
    setting("hidden_size", -64),
    setting("hidden_size", "64"),
    setting("num_attention_heads", 0),
    setting("num_attention_heads", 5, ""),
    setting("num_attention_heads", 8, ""),
    setting("num_key_value_heads", 3, ""),
    setting("num_hidden_layers", 3, "model.layers.2."),
    setting("num_hidden_layers", 1, "model.layers.1.", only="refused"),
    setting("num_hidden_layers", 2.0),
    setting("intermediate_size", 96, "", only="refused"),
    setting("vocab_size", 600, "", only="refused"),
    setting("rms_norm_eps", float("nan")),
    setting("rms_norm_eps", "1e-6"),
    setting("rms_norm_eps", 0.5, ""),
    setting("max_position_embeddings", 0),
    setting("model_type", "gizmo", "gizmo", only="refused"),
    setting("hidden_act", "swish-glu"),
    setting("hidden_act", "gelu", ""),
    setting("tie_word_embeddings", False, "lm_head", only="refused"),
    setting("tie_word_embeddings", "yes", ""),
    setting("attention_bias", True, "bias", only="refused"),
    setting("mlp_bias", True, "bias", only="refused"),
    setting("rope_parameters", {"rope_type": "spiral", "rope_theta": 1e4}, "spiral", only="refused"),
    setting("rope_parameters", {"rope_type": "linear", "rope_theta": 1e4, "factor": 4.0}, ""),
    setting("rope_parameters", {"rope_type": "yarn", "rope_theta": 1e4}, "", only="refused"),
    setting("rope_parameters", "linear", "", only="refused"),
    setting("rope_parameters", {"rope_type": "default", "rope_theta": "many"}, "", only="refused"),
    setting("quantization_config", {"quant_method": "awq", "bits": 4}, "", only="refused"),
    setting("eos_token_id", "x", ""),
    Mutation(name="config: no JSON", apply=damaged("config.json", lambda data: data[:-9]), says=("config.json",), only="refused"),
    Mutation(name="config: a list", apply=damaged("config.json", lambda data: b"[1]"), says=("config.json",), only="refused"),
    Mutation(
        name="config: not UTF-8", apply=damaged("config.json", lambda data: data + b"\xff"), says=("config.json",), only="refused"
    ),
]
WEIGHTS = [
    Mutation(name="tensor: one is missing", apply=weights(lambda all_, draw: all_.pop(draw.choice(sorted(all_)))), only="refused"),
    Mutation(
        name="tensor: another name",
        apply=weights(lambda all_, _: all_.update({"model.oops": all_.pop(Q)})),
        says=("q_proj",),
        only="refused",
    ),
    Mutation(
        name="tensor: on its side",
        apply=tensor("model.layers.0.mlp.up_proj.weight", lambda t: t.T),
        says=("up_proj",),
        only="refused",
    ),
    Mutation(name="tensor: a row less", apply=tensor(Q, lambda t: t[:-1]), says=("q_proj",), only="refused"),
    Mutation(name="tensor: a number is none", apply=tensor(DOWN, _without), says=("down_proj",), only="refused"),
    Mutation(name="tensor: a norm is none", apply=tensor(NORM, _without), says=(NORM,), only="refused"),
    Mutation(
        name="tensor: one more",
        apply=weights(lambda all_, _: all_.update({"model.extra.weight": torch.ones(3)})),
        says=("model.extra",),
    ),
    Mutation(name="tensor: in half precision", apply=tensor(DOWN, lambda t: t.half()), only="right"),
    Mutation(name="tensor: in bytes", apply=tensor(DOWN, lambda t: t.to(torch.int8)), says=("I8",), only="refused"),
    Mutation(name="tensor: with an axis more", apply=tensor(NORM, lambda t: t[None]), says=(NORM,), only="refused"),
    Mutation(
        name="tensor: another head stored beside a tied one",
        apply=weights(lambda all_, _: all_.update({"lm_head.weight": torch.randn(512, 64)})),
        says=("lm_head",),
    ),
    Mutation(
        name="tensor: a bias of one block",
        apply=weights(lambda all_, _: all_.update({"model.layers.0.self_attn.q_proj.bias": torch.ones(64)})),
        says=("bias",),
    ),
    Mutation(
        name="file: cut off",
        apply=damaged("model.safetensors", lambda data: data[:-99]),
        says=("model.safetensors",),
        only="refused",
    ),
    Mutation(
        name="file: a broken header", apply=damaged("model.safetensors", lambda data: data[:8] + b"x" + data[9:]), only="refused"
    ),
    Mutation(name="file: empty", apply=damaged("model.safetensors", lambda data: b""), says=("model.safetensors",), only="refused"),
    Mutation(name="shards: all well", apply=in_shards(lambda folder, places: None), only="right"),
    Mutation(
        name="shards: one is missing", apply=in_shards(lambda folder, places: (folder / TWO).unlink()), says=(TWO,), only="refused"
    ),
    Mutation(
        name="shards: the index names another file",
        apply=in_shards(lambda folder, places: places.update({Q: TWO if places[Q] == ONE else ONE})),
        says=("q_proj",),
    ),
    Mutation(name="shards: the index leaves one out", apply=in_shards(lambda folder, places: places.pop(Q)), says=("q_proj",)),
    Mutation(
        name="shards: the index invents one",
        apply=in_shards(lambda folder, places: places.update({"model.more": ONE})),
        says=("model.more",),
    ),
    Mutation(
        name="shards: one is cut off",
        apply=in_shards(lambda folder, places: (folder / TWO).write_bytes((folder / TWO).read_bytes()[:-50])),
        says=(TWO,),
        only="refused",
    ),
    Mutation(
        name="shards: no index",
        apply=lambda folder, draw: (in_shards(lambda f, p: None)(folder, draw), (folder / INDEX).unlink())[0],
    ),
]


def _core(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Random], None]:
    return in_json("tokenizer.json", change)


WORDS = [
    Mutation(
        name="tokenizer: missing", apply=lambda folder, _: (folder / "tokenizer.json").unlink(), says=("tokenizer",), only="refused"
    ),
    Mutation(
        name="tokenizer: cut off",
        apply=damaged("tokenizer.json", lambda data: data[:-99]),
        says=("tokenizer.json",),
        only="refused",
    ),
    Mutation(name="tokenizer: empty", apply=damaged("tokenizer.json", lambda data: b"{}"), says=("tokenizer",), only="refused"),
    Mutation(
        name="tokenizer: a model of another kind",
        apply=_core(lambda core: core["model"].update({"type": "Guess"})),
        says=("tokenizer",),
        only="refused",
    ),
    Mutation(
        name="tokenizer: more tokens than the model",
        apply=_core(lambda core: core["model"]["vocab"].update({f"more{n}": 512 + n for n in range(9)})),
        only="refused",
    ),
    Mutation(
        name="tokenizer: an added token past the model",
        apply=_core(
            lambda core: core["added_tokens"].append({**core["added_tokens"][0], "id": 700, "content": "<far>", "special": False})
        ),
        only="refused",
    ),
    Mutation(
        name="tokenizer: a merge of nothing", apply=_core(lambda core: core["model"]["merges"].append(["qq", "zz"])), only="refused"
    ),
    Mutation(
        name="tokenizer: an end that is no token",
        apply=in_json("tokenizer_config.json", lambda config: config.update({"eos_token": "<|the_end|>"})),
    ),
    Mutation(
        name="tokenizer: a class of its own",
        apply=in_json("tokenizer_config.json", lambda c: c.update({"tokenizer_class": "GizmoTokenizer"})),
    ),
    Mutation(
        name="template: missing",
        apply=lambda folder, _: (folder / "chat_template.jinja").unlink(),
        says=("template",),
        only="refused",
    ),
    Mutation(name="template: open", apply=damaged("chat_template.jinja", lambda d: d[:-20]), says=("template",), only="refused"),
    Mutation(
        name="template: another's filter",
        apply=damaged("chat_template.jinja", lambda d: b"{{ messages | gizmo }}"),
        says=("template",),
        only="refused",
    ),
    Mutation(name="template: empty", apply=damaged("chat_template.jinja", lambda d: b""), says=("template",), only="refused"),
    Mutation(
        name="template: not UTF-8",
        apply=damaged("chat_template.jinja", lambda d: d + b"\xff\xfe"),
        says=("template",),
        only="refused",
    ),
    Mutation(
        name="generation_config: no JSON",
        apply=damaged("generation_config.json", lambda d: d[:-5]),
        says=("generation_config",),
        only="refused",
    ),
    Mutation(
        name="generation_config: an end of no kind",
        apply=in_json("generation_config.json", lambda config: config.update({"eos_token_id": "stop"})),
        says=("eos_token_id",),
    ),
]


@torch.inference_mode()
def ours(model: LocalModel) -> torch.Tensor:
    hidden = model.decoder.hidden(torch.tensor(IDS), torch.arange(len(IDS)), _rows())
    return model.decoder.logits(hidden)


def _rows() -> Any:
    from rung.engine.local.attention import PrefixedRows

    return PrefixedRows(prefix_tokens=0, rows=1, row_length=len(IDS))


@torch.inference_mode()
def theirs(folder: Path) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()(torch.tensor([IDS])).logits[0]


@pytest.mark.parametrize("mutation", some([*CONFIG, *WEIGHTS, *WORDS], 40))
def test_one_thing_wrong(mutation: Mutation, source: Path, tmp_path: Path, home: Path) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "mutated"))
    mutation(folder)

    def act() -> LocalModel:
        base = resolve(str(folder), home).folder
        assert base
        model = LocalModel.load(base, dtype=torch.float32, device="cpu")
        asked = {"messages": ({"role": "user", "content": "Is it late again?"},)}
        choice = Request(**asked, constraint=ChoiceConstraint(choices=("yes", "no")))
        Answering(model).answer([Request(**asked, max_tokens=2), choice])
        return model

    def right(model: LocalModel) -> None:
        torch.testing.assert_close(ours(model), theirs(folder), rtol=0, atol=1e-4)

    check_refused_or_right(mutation, act, right)
