"""The loop on a task that can be learnt: it learns it, stops by the dev score, and says what it did."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toys import FACTS, Told, load, reference_loss, settings, toy_rows

from rung.errors import UserError
from rung.progress import Silent
from rung.train.loop import train
from rung.train.rows import encode_rows


def go(base: Path, work: Path, chosen: dict, dev_score=None):
    config = settings(**chosen)
    return train(
        load(base), toy_rows(), config, work=work, dev=Told(dev_score) if dev_score else None, progress=Silent(), facts=FACTS
    )


def share_right(module: torch.nn.Module, base: Path) -> float:
    """Share of the toy rows whose own answer is likelier than the other one, by a transformers model."""
    tokenizer, right = load(base).tokenizer, 0
    for row in toy_rows():
        other = "negative" if row.answer == "positive" else "positive"
        mine, theirs = encode_rows(tokenizer, [row, replace(row, answer=other)], 500)
        with torch.no_grad():
            right += bool(reference_loss(module, [mine]) < reference_loss(module, [theirs]))
    return right / len(toy_rows())


@pytest.mark.parametrize(("method", "rate", "loss"), [("lora", 1e-2, 0.7), ("full", 2e-3, 0.1)])
def test_a_learnable_task_is_learnt(tiny_base: Path, tmp_path: Path, method: str, rate: float, loss: float):
    """A frozen head of random rows bounds how sure the adapter can be, hence its higher loss."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    chosen = {"method": method, "epochs": 15, "batch_rows": 8, "learning_rate": rate}
    trained = go(tiny_base, tmp_path, chosen)
    losses = [entry["loss"] for entry in trained.history]
    assert len(losses) == 45 and losses[0] > 4 and losses[-1] < loss
    assert trained.stopped == "finished" and trained.rows == 24 and trained.dropped == 0
    assert all(entry["tokens_per_s"] > 0 for entry in trained.history)
    if method == "full":
        module = AutoModelForCausalLM.from_pretrained(trained.folder, dtype=torch.float32)
        assert load(trained.folder).tokenizer.chat_template == load(tiny_base).tokenizer.chat_template
    else:
        module = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
        module = PeftModel.from_pretrained(module, str(trained.folder))
    assert share_right(module, tiny_base) > 0.9


def test_the_first_best_dev_score_is_what_is_returned(tiny_base: Path, tmp_path: Path):
    scores = iter([0.2, 0.7, 0.6, 0.7, 0.5, 0.9])
    seen: list[str] = []

    def dev_score(folder: Path) -> float:
        seen.append(folder.name)
        assert (folder / "adapter_config.json").is_file()
        return next(scores)

    chosen = {"epochs": 3, "batch_rows": 6, "dev_every": 0.5, "patience": 3, "rank": 4}
    trained = go(tiny_base, tmp_path, chosen, dev_score)
    assert seen == [f"step-{step:08d}" for step in (2, 4, 6, 8, 10)]
    assert trained.stopped == "patience"
    assert (trained.best_score, trained.best_step, trained.folder.name) == (0.7, 4, "step-00000004")
    asked = {entry["step"]: entry["dev_score"] for entry in trained.history if entry["dev_score"] is not None}
    assert asked == {2: 0.2, 4: 0.7, 6: 0.6, 8: 0.7, 10: 0.5}
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-00000004"]


def test_facts_and_settings_stand_beside_the_adapter(tiny_base: Path, tmp_path: Path):
    trained = go(tiny_base, tmp_path, {"epochs": 1, "rank": 4})
    facts = json.loads((trained.folder / "rung.json").read_text())
    assert facts["base"] == FACTS["base"] and facts["training"]["rank"] == 4
    assert json.loads((trained.folder / "adapter_config.json").read_text())["base_model_name_or_path"] == str(tiny_base)


def test_a_dev_score_that_is_no_number_is_refused(tiny_base: Path, tmp_path: Path):
    with pytest.raises(UserError, match="dev score after step 1 is not a number"):
        go(tiny_base, tmp_path, {"epochs": 1, "rank": 4}, lambda folder: float("nan"))


def test_the_base_is_untouched_by_full_fine_tuning(tiny_base: Path, tmp_path: Path):
    model = load(tiny_base)
    before = {name: tensor.clone() for name, tensor in model.decoder.weights.named()}
    config = settings(method="full", epochs=1, learning_rate=1e-2)
    train(model, toy_rows(), config, work=tmp_path, dev=None, progress=Silent(), facts=FACTS)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.decoder.weights.named())


@pytest.mark.parametrize("method", ["lora", "full"])
def test_bfloat16_follows_float32(tiny_base: Path, tmp_path: Path, method: str):
    """In bfloat16 with float32 masters, the run's losses stay near the float32 run's."""
    from rung.engine.local.fused import FusedDecoder
    from rung.engine.local.model import LocalModel
    from rung.engine.local.weights import load_weights

    model = load(tiny_base)
    half = load_weights(tiny_base, model.config, torch.bfloat16, torch.device("cpu"))
    rounded = LocalModel(folder=tiny_base, tokenizer=model.tokenizer, decoder=FusedDecoder(model.config, half))
    config = settings(method=method, epochs=3, batch_rows=8, learning_rate=2e-3)
    runs = [
        train(one, toy_rows(), config, work=tmp_path / str(index), dev=None, progress=Silent(), facts=FACTS)
        for index, one in enumerate((model, rounded))
    ]
    for exact, near in zip(*(run.history for run in runs), strict=True):
        assert near["loss"] == pytest.approx(exact["loss"], rel=0.03, abs=0.03)
