"""Adapters that are more than low rank, stacked, weighted, beside others in one batch, and under what is trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from oracle import TEXTS, ask, reference_model
from peft_oracle import IDS, agree, loaded, logits, saved

from rung.engine.backend import AdapterUse
from rung.engine.local.adapters import AdapterCache
from rung.engine.local.answering import Answering
from rung.parts import ChoiceConstraint

TARGETS = ["q_proj", "v_proj", "down_proj"]


@pytest.fixture(scope="module")
def folders(bases: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    import peft

    kinds = {
        "plain": {},
        "dora": {"use_dora": True},
        "ends": {"modules_to_save": ["embed_tokens", "lm_head"]},
        "tokens": {"trainable_token_indices": [7, 20, 33], "bias": "lora_only"},
    }
    made = {}
    for seed, (name, settings) in enumerate(kinds.items()):
        made[name] = tmp_path_factory.mktemp("kinds") / name
        config = peft.LoraConfig(r=2, target_modules=TARGETS, task_type="CAUSAL_LM", **settings)
        saved(bases["biased"][0], made[name], config, seed=seed)
    return made


def use(folder: Path, weight: float = 1.0) -> AdapterUse:
    return AdapterUse(folder=folder, digest=folder.name, weight=weight)


def test_a_stack_is_what_peft_makes_of_both(bases: dict[str, Any], folders: dict[str, Path]) -> None:
    """PEFT puts each on what the ones before gave; what each adds alone is the same where the plain one comes last."""
    from peft import PeftModel

    base, model = bases["biased"]
    both = PeftModel.from_pretrained(reference_model(base), folders["dora"], adapter_name="dora")
    both.load_adapter(folders["plain"], adapter_name="plain")
    both.base_model.set_adapter(["dora", "plain"])
    with torch.inference_mode():
        expected = both.eval()(IDS[None]).logits[0]
    stack = AdapterCache(model.decoder).stack([use(folders["dora"]), use(folders["plain"])])
    assert agree(logits(model, stack.update), expected)


@pytest.mark.parametrize("name", ["dora", "ends", "tokens"])
def test_a_weight_is_of_all_that_it_changes(bases: dict[str, Any], folders: dict[str, Path], name: str) -> None:
    model = bases["biased"][1]
    whole, half = (AdapterCache(model.decoder).stack([use(folders[name], weight)]).update for weight in (1.0, 0.5))
    assert whole and half
    x = torch.randn(5, model.config.width, generator=torch.Generator().manual_seed(1))
    layer = model.decoder.weights.layers[0]
    qkv, ids, head = (layer.qkv, layer.qkv_bias), torch.tensor([7, 8, 20, 33, 40]), model.decoder.head.weight
    for base, act in (
        (torch.nn.functional.linear(x, *qkv), lambda update: update.linear(0, "qkv", x, *qkv)),
        (x, lambda update: update.embedding(ids, x)),
        (head, lambda update: update.head(head)),
    ):
        assert torch.allclose(act(half) - base, 0.5 * (act(whole) - base), atol=1e-5)


def test_each_answers_beside_others_what_it_answers_alone(bases: dict[str, Any], folders: dict[str, Path]) -> None:
    model = bases["biased"][1]
    every = [use(folder) for folder in folders.values()]
    stacks = [(), *((one,) for one in every), (every[1], every[2]), (replace(every[2], weight=0.5),)]
    requests = [ask(TEXTS[0], max_tokens=6, adapters=uses) for uses in stacks]
    requests += [ask(TEXTS[1], adapters=uses, constraint=ChoiceConstraint(choices=("yes", "no"))) for uses in stacks]
    alone = [Answering(model).answer([request])[0] for request in requests]
    together = Answering(model).answer(requests)
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    shares = [answer.logprobs for answer in together[len(stacks) :]]
    assert len({round(share["yes"], 4) for share in shares if share}) == len(stacks)
    for answer, other in zip(together[len(stacks) :], alone[len(stacks) :], strict=True):
        assert answer.logprobs == pytest.approx(other.logprobs, abs=1e-4)


@pytest.mark.parametrize("name", ["dora", "ends"])
def test_what_is_trained_on_top_sees_it(bases: dict[str, Any], folders: dict[str, Path], name: str) -> None:
    """The gradients of a fresh adapter over it are those that PEFT finds over the same model."""
    from peft import PeftModel

    from rung.engine.local.adapter import Adapter, kind_of
    from rung.engine.local.adapters import together
    from rung.engine.local.attention import PrefixedRows

    base, model = bases["biased"]
    kind = kind_of("lora")
    fresh = Adapter.initialise(kind, kind.Config(rank=2, target_modules=("o_proj",)), model.config, 0, torch.device("cpu"))
    for tensor in fresh.tensors.values():
        tensor.add_(torch.randn(tensor.shape, generator=torch.Generator().manual_seed(1)), alpha=0.1).requires_grad_(True)
    update = together([(loaded(model, folders[name]), 1.0), (fresh.update(torch.float32), 1.0)])
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(IDS))
    hidden = model.decoder.hidden(IDS, torch.arange(len(IDS)), attention, update)
    model.decoder.logits(hidden, update)[:, 3].sum().backward()

    theirs = PeftModel.from_pretrained(reference_model(base), folders[name]).merge_and_unload().eval()
    named = {name.removesuffix(".weight"): tensor for name, tensor in fresh.tensors.items()}
    leaves = {name: tensor.detach().clone().requires_grad_(True) for name, tensor in named.items()}
    for path, module in theirs.named_modules():
        if f"{path}.lora_A" in leaves:
            down, up = leaves[f"{path}.lora_A"], leaves[f"{path}.lora_B"]
            module.register_forward_hook(lambda _, x, y, down=down, up=up: y + (x[0] @ down.T) @ up.T * fresh.config.scale)  # type: ignore[attr-defined]
    theirs(IDS[None]).logits[0, :, 3].sum().backward()
    for leaf, tensor in named.items():
        assert torch.allclose(tensor.grad, leaves[leaf].grad, rtol=1e-3, atol=1e-4)
