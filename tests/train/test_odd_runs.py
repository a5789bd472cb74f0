"""Runs that are short, lopsided or stopped: what others' loops have got wrong with them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_gradients import moved, taken
from tiny import make_tiny_model
from toys import FACTS, Told, load, reference_loss, settings, toy_rows

from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.model import LocalModel
from rung.engine.local.weights import load_weights
from rung.errors import UserError
from rung.progress import Silent
from rung.train.batches import collate, computed_tokens, shared_prefix
from rung.train.loop import Trained, gradients, train
from rung.train.rows import EncodedRow, TrainRow, encode_rows


@pytest.fixture(scope="module")
def model(tiny_base: Path) -> LocalModel:
    return load(tiny_base)


def run(model: LocalModel, work: Path, rows: list[TrainRow], dev: Told | None = None, **chosen: object) -> Trained:
    return train(model, rows, settings(rank=4, **chosen), work=work, dev=dev, progress=Silent(), facts=FACTS)


def test_one_row_and_batches_larger_than_all_rows(model: LocalModel, tmp_path: Path):
    one = run(model, tmp_path / "one", toy_rows(1), epochs=3, batch_rows=16)
    assert len(one.history) == 3 and one.rows == 1
    few = run(model, tmp_path / "few", toy_rows(5), epochs=2, batch_rows=400, dev=Told(lambda folder: 0.5))
    assert len(few.history) == 2 and few.best_step == 1


def test_a_row_many_times_over_is_that_row(model: LocalModel):
    """All of its prompt is shared: only its answer is computed for each."""
    config, (row,) = settings(rank=4, clip_norm=1e9), encode_rows(model.tokenizer, toy_rows(1), 500)
    trainable = moved(model, config)
    assert shared_prefix([row] * 7) == row.start - 1
    assert computed_tokens([row] * 7) == row.start - 1 + 7 * row.supervised
    alone, before = gradients(trainable, [row], config, at=1), taken(trainable)
    assert gradients(trainable, [row] * 7, config, at=1) == pytest.approx(alone, abs=1e-5)
    for name, gradient in taken(trainable).items():
        torch.testing.assert_close(gradient, before[name], atol=1e-5, rtol=1e-4)


def test_one_long_row_among_short_ones_weighs_by_its_tokens(model: LocalModel):
    """Whatever the batch is cut into: the mean is over tokens, not over parts."""
    rows = toy_rows(6)
    rows[2] = replace(rows[2], answer="negative, and here is why: " + "the charger is missing " * 12)
    encoded = encode_rows(model.tokenizer, rows, 500)
    whole = settings(rank=4, clip_norm=1e9, tokens_per_pass=100_000)
    trainable = moved(model, whole)
    loss, undivided = gradients(trainable, encoded, whole, at=1), taken(trainable)
    parts = settings(rank=4, clip_norm=1e9, tokens_per_pass=1)
    assert gradients(trainable, encoded, parts, at=1) == pytest.approx(loss, abs=1e-5)
    for name, gradient in taken(trainable).items():
        torch.testing.assert_close(gradient, undivided[name], atol=1e-5, rtol=1e-4)


def test_answers_cut_off_or_empty_never_reach_a_step(model: LocalModel, tmp_path: Path):
    long = replace(toy_rows(1)[0], answer="negative " * 200)
    for rows, said in (([*toy_rows(3), long], "its answer would be cut"), ([replace(long, answer=" ")], "the answer is empty")):
        with pytest.raises(UserError, match=said):
            run(model, tmp_path, rows, max_tokens=120)
    dropped = run(model, tmp_path / "drop", [*toy_rows(3), long], max_tokens=120, too_long="drop", epochs=1)
    assert (dropped.rows, dropped.dropped) == (3, 1) and math.isfinite(dropped.history[-1]["loss"])
    with pytest.raises(UserError, match="no rows to train on"):
        run(model, tmp_path / "none", [long], max_tokens=120, too_long="drop")


def test_no_token_is_computed_that_nothing_is_learnt_from(model: LocalModel):
    rows = encode_rows(model.tokenizer, toy_rows(8), 500)
    batch, prefix = collate(rows, torch.device("cpu")), shared_prefix(rows)
    assert len(batch.ids) == prefix + sum(len(row.ids) - 1 - prefix for row in rows) == computed_tokens(rows)
    assert batch.labels.tolist() == [token for row in rows for token in row.ids[row.start :]]
    ends = set((batch.supervised + 1).tolist())
    assert {prefix + sum(batch.lengths[: place + 1]) for place in range(len(rows))} <= ends


def test_rows_of_one_answer_token_are_finite_in_bfloat16(tiny_base: Path):
    config = DecoderConfig.read(tiny_base)
    weights = load_weights(tiny_base, config, torch.bfloat16, torch.device("cpu"))
    model = replace(load(tiny_base), decoder=FusedDecoder(config, weights))
    trainable = moved(model, settings(rank=4))
    for rows in ([EncodedRow((5, 6), 1)], [EncodedRow((5, 6, 7), 2), EncodedRow((5, *range(9, 90)), 60)]):
        assert math.isfinite(gradients(trainable, rows, settings(rank=4), at=1))
        assert all(torch.isfinite(gradient).all() for gradient in taken(trainable).values())


def test_patience_begins_anew_with_each_best(model: LocalModel, tmp_path: Path):
    scores = iter([0.5, 0.4, 0.6, 0.4, 0.5, 0.3, 0.9])
    trained = run(
        model, tmp_path, toy_rows(12), Told(lambda folder: next(scores)), epochs=7, batch_rows=12, dev_every=1, patience=3
    )
    assert (trained.stopped, trained.best_step, len(trained.history)) == ("patience", 3, 6)


def test_a_run_that_patience_ended_stays_ended_and_keeps_its_count(model: LocalModel, tmp_path: Path):
    scores = {"step-00000001": 0.9, "step-00000002": 0.5, "step-00000003": 0.5, "step-00000004": 1.0}
    chosen = {"epochs": 4, "batch_rows": 12, "dev_every": 1, "patience": 2}

    class Leaving(Told):
        def __call__(self, folder, best, rows):
            if folder.name == "step-00000003":
                raise KeyboardInterrupt
            return super().__call__(folder, best, rows)

    with pytest.raises(KeyboardInterrupt):
        run(model, tmp_path, toy_rows(12), Leaving(lambda folder: scores[folder.name]), **chosen)
    for _ in range(2):
        trained = run(model, tmp_path, toy_rows(12), Told(lambda folder: scores[folder.name]), **chosen)
        assert (trained.stopped, trained.best_step, len(trained.history)) == ("patience", 1, 3)


def test_the_first_and_the_last_layer_alone(tmp_path: Path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = load(make_tiny_model(tmp_path / "model", layers=4))
    config = settings(rank=4, layers_to_transform=[3, 0, 3], clip_norm=1e9)
    trainable, rows = moved(model, config), encode_rows(model.tokenizer, toy_rows(6), 500)
    assert trainable.frozen == 0 and {name.split(".")[2] for name in trainable.masters} == {"0", "3"}
    trainable.save(tmp_path / "adapter", FACTS)
    base = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, str(tmp_path / "adapter"))
    with torch.no_grad():
        expected = reference_loss(peft, rows).item()
    assert gradients(trainable, rows, config, at=1) == pytest.approx(expected, abs=1e-5)
