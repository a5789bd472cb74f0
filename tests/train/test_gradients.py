"""The loop's losses and gradients against PEFT, transformers and torch, in float32."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toys import FACTS, load, reference_loss, settings, toy_rows

from rung import plugins
from rung.engine.local.decoder import Head
from rung.errors import UserError
from rung.train.batches import collate, micro_batches, shared_prefix
from rung.train.config import TrainConfig
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer
from rung.train.loss import CHUNK, head_loss
from rung.train.method import method_names
from rung.train.rows import EncodedRow, encode_rows

NO_CLIP = {"clip_norm": 1e9}
KINDS = plugins.names("adapter_kinds")


@pytest.fixture(scope="module")
def model(tiny_base: Path):
    return load(tiny_base)


@pytest.fixture(scope="module")
def rows(model) -> list[EncodedRow]:
    return encode_rows(model.tokenizer, toy_rows(10), 500)


def moved(model, config: TrainConfig):
    """An adapter that is no longer at its start, where some gradients are zero."""
    trainable, _ = apply_method(model, config)
    chance = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for master in trainable.masters.values():
            master.add_(torch.randn(master.shape, generator=chance), alpha=0.05)
    return trainable


def taken(trainable) -> dict[str, torch.Tensor]:
    return {name: master.grad.clone() for name, master in trainable.masters.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradients_equal_pefts(model, rows, tiny_base: Path, tmp_path: Path, kind: str):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    config = settings(kind, **NO_CLIP)
    trainable = moved(model, config)
    trainable.save(tmp_path / "adapter", FACTS)
    base = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, str(tmp_path / "adapter"), is_trainable=True)
    expected = reference_loss(peft, rows)
    expected.backward()
    loss = gradients(trainable, rows, config, at=1)
    assert loss == pytest.approx(expected.item(), abs=1e-5)
    theirs = {name.removeprefix("base_model.model.").replace(".default", ""): p.grad for name, p in peft.named_parameters()}
    assert trainable.masters.keys() == {name for name, gradient in theirs.items() if gradient is not None}
    for name, gradient in taken(trainable).items():
        torch.testing.assert_close(gradient, theirs[name], atol=1e-4, rtol=1e-4)
        assert gradient.abs().max() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_saved_adapter_gives_the_same_logits_in_peft(model, rows, tiny_base: Path, tmp_path: Path, kind: str):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    trainable = moved(model, settings(kind))
    trainable.save(tmp_path / "adapter", FACTS)
    base = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, str(tmp_path / "adapter"))
    for row in rows[:3]:
        batch = collate([row], torch.device("cpu"))
        with torch.no_grad():
            hidden = trainable.decoder.hidden(batch.ids, batch.positions, batch.attention(), trainable.update())
            ours, theirs = trainable.decoder.logits(hidden), peft(input_ids=torch.tensor([row.ids[:-1]])).logits[0]
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_full_step_equals_transformers_under_torch_adamw(model, rows, tiny_base: Path):
    from transformers import AutoModelForCausalLM

    config = settings(method="full", **NO_CLIP)
    trainable, _ = apply_method(model, config)
    optimizer = make_optimizer(trainable, config, 1e-3)
    theirs = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    reference = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.0, fused=False)
    for step in range(3):
        loss = gradients(trainable, rows, config, at=step + 1)
        apply_gradients(trainable, optimizer, 1e-3)
        reference.zero_grad()
        expected = reference_loss(theirs, rows)
        expected.backward()
        reference.step()
        assert loss == pytest.approx(expected.item(), abs=1e-4)
    from rung.engine.local.weights import export

    stored = export(trainable.decoder.weights, model.config)
    for name, tensor in theirs.state_dict().items():
        if name in stored:
            torch.testing.assert_close(stored[name], tensor, atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("method", method_names())
def test_parts_of_a_batch_add_up_to_the_whole(model, rows, method: str):
    whole = settings(method=method, tokens_per_pass=100_000, **NO_CLIP)
    parts = settings(method=method, tokens_per_pass=90, **NO_CLIP)
    assert len(micro_batches(rows, whole.tokens_per_pass)) == 1
    assert len(micro_batches(rows, parts.tokens_per_pass)) >= 4
    trainable = moved(model, whole) if method in KINDS else apply_method(model, whole)[0]
    loss = gradients(trainable, rows, whole, at=1)
    undivided = taken(trainable)
    assert gradients(trainable, rows, parts, at=1) == pytest.approx(loss, abs=1e-5)
    for name, gradient in taken(trainable).items():
        torch.testing.assert_close(gradient, undivided[name], atol=1e-5, rtol=1e-4)


def test_a_shared_prefix_changes_nothing(model, rows, monkeypatch: pytest.MonkeyPatch):
    config = settings(rank=4, **NO_CLIP)
    trainable = moved(model, config)
    assert shared_prefix(rows) > 10
    loss = gradients(trainable, rows, config, at=1)
    shared = taken(trainable)
    monkeypatch.setattr("rung.train.batches.shared_prefix", lambda rows: 0)
    assert gradients(trainable, rows, config, at=1) == pytest.approx(loss, abs=1e-5)
    for name, gradient in taken(trainable).items():
        torch.testing.assert_close(gradient, shared[name], atol=1e-5, rtol=1e-4)


def test_the_order_of_rows_in_a_batch_changes_nothing(model, rows):
    config = settings(rank=4, **NO_CLIP)
    trainable = moved(model, config)
    first = gradients(trainable, rows, config, at=1)
    before = taken(trainable)
    assert gradients(trainable, rows[::-1], config, at=1) == pytest.approx(first, abs=1e-6)
    for name, gradient in taken(trainable).items():
        torch.testing.assert_close(gradient, before[name], atol=1e-5, rtol=1e-4)


def test_only_the_supervised_tokens_matter(model, rows):
    """Other prompts of the same length move the loss; another label moves it by exactly that token's share."""
    config = settings(rank=4)
    trainable, _ = apply_method(model, config)
    row = rows[0]
    swapped = EncodedRow((*row.ids[:-1], row.ids[-2]), row.start)
    batch = collate([row], torch.device("cpu"))
    hidden = trainable.decoder.hidden(batch.ids, batch.positions, batch.attention(), None, only=batch.supervised)
    scores = trainable.decoder.logits(hidden).log_softmax(-1)
    change = (scores[-1, row.ids[-1]] - scores[-1, row.ids[-2]]).item() / row.supervised
    assert gradients(trainable, [swapped], config, at=1) - gradients(trainable, [row], config, at=1) == pytest.approx(
        change, abs=1e-4
    )


def test_the_gradient_is_clipped_to_its_norm(model, rows):
    config = settings(rank=4, clip_norm=0.01)
    trainable = moved(model, config)
    gradients(trainable, rows, config, at=1)
    norm = torch.cat([gradient.flatten() for gradient in taken(trainable).values()]).norm().item()
    assert norm == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stops_before_the_step(model, rows, value: float):
    config = settings(rank=4)
    trainable, _ = apply_method(model, config)
    name = next(name for name in trainable.masters if "lora_B" in name)
    with torch.no_grad():
        trainable.masters[name][0, 0] = value
    before = {name: master.clone() for name, master in trainable.masters.items()}
    with pytest.raises(UserError, match=r"loss is not finite .* at step 7; the step was not taken"):
        gradients(trainable, rows, config, at=7)
    for name, master in trainable.masters.items():
        torch.testing.assert_close(master, before[name], rtol=0, atol=0, equal_nan=True)


def test_a_null_update_is_refused(model, tmp_path: Path):
    for kind in KINDS:
        trainable, _ = apply_method(model, settings(kind))
        with pytest.raises(UserError, match="null"):
            trainable.save(tmp_path / "adapter", FACTS)
    full, _ = apply_method(model, settings(method="full"))
    with pytest.raises(UserError, match="changed no weight"):
        full.save(tmp_path / "model", FACTS)


@pytest.mark.parametrize("positions", [3, CHUNK, 2 * CHUNK + 1])
@pytest.mark.parametrize(("bias", "scale", "cap"), [(False, 1.0, 0.0), (True, 1.0, 0.0), (False, 0.25, 0.0), (True, 3.0, 2.5)])
def test_head_loss_equals_cross_entropy(positions: int, bias: bool, scale: float, cap: float):
    chance = torch.Generator().manual_seed(1)
    tensors = [torch.randn(*size, generator=chance, requires_grad=True) for size in ((positions, 8), (30, 8), (30,))]
    hidden, weight, offset = tensors
    labels = torch.randint(0, 30, (positions,), generator=chance)
    ours = head_loss(hidden, Head(weight=weight, bias=offset if bias else None, scale=scale, cap=cap), labels, positions)
    (ours * 2).backward()
    got = [tensor.grad for tensor in tensors]
    hidden.grad = weight.grad = offset.grad = None
    scores = (hidden @ weight.T + (offset if bias else 0.0)) * scale
    theirs = torch.nn.functional.cross_entropy(cap * torch.tanh(scores / cap) if cap else scores, labels)
    (theirs * 2).backward()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(got, [tensor.grad for tensor in tensors])
