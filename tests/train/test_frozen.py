"""Adapters on the upper blocks alone: what lies below them is passed once, and nothing comes out otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from test_gradients import moved, taken
from tiny import make_tiny_model
from toys import FACTS, Told, load, reference_loss, settings, toy_rows

from rung.engine.local.model import LocalModel
from rung.errors import UserError
from rung.progress import Silent
from rung.train import frozen
from rung.train.fit import predict
from rung.train.frozen import FrozenPart
from rung.train.loop import apply_method, gradients, train
from rung.train.rows import encode_rows

UPPER = {"layers_to_transform": [2, 3], "rank": 4, "clip_norm": 1e9}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    return load(make_tiny_model(tmp_path_factory.mktemp("four") / "model", layers=4))


def test_loss_and_gradients_are_pefts(model: LocalModel, tmp_path: Path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    config, rows = settings(**UPPER), encode_rows(model.tokenizer, toy_rows(10), 500)
    trainable = moved(model, config)
    trainable.save(tmp_path / "adapter", FACTS)
    base = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32)
    peft = PeftModel.from_pretrained(base, str(tmp_path / "adapter"), is_trainable=True)
    expected = reference_loss(peft, rows)
    expected.backward()
    assert trainable.frozen == 2
    part = FrozenPart.of(trainable, rows, 90)
    for known in (None, part, part):
        assert gradients(trainable, rows, config, at=1, frozen=known) == pytest.approx(expected.item(), abs=1e-5)
        theirs = {name.removeprefix("base_model.model.").replace(".default", ""): p.grad for name, p in peft.named_parameters()}
        for name, gradient in taken(trainable).items():
            torch.testing.assert_close(gradient, theirs[name], atol=1e-4, rtol=1e-4)


def test_each_row_is_passed_once_through_what_is_frozen(model: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    passed: list[int] = []
    until = type(model.decoder).until

    def counted(decoder, layer, ids, *others):
        passed.append(len(ids))
        return until(decoder, layer, ids, *others)

    monkeypatch.setattr(type(model.decoder), "until", counted)
    config = settings(**UPPER, epochs=4, batch_rows=6)
    trained = train(model, toy_rows(), config, work=tmp_path / "a", dev=None, progress=Silent(), facts=FACTS)
    once = sum(passed)
    assert len(trained.history) == 16
    assert 0 < once < sum(len(row.ids) for row in encode_rows(model.tokenizer, toy_rows(), 500))
    monkeypatch.setattr(frozen, "KEPT_BYTES", 1000)
    other = train(model, toy_rows(), config, work=tmp_path / "b", dev=None, progress=Silent(), facts=FACTS)
    assert sum(passed) == once
    for one, two in zip(trained.history, other.history, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], abs=1e-4)


def test_an_interrupted_run_ends_in_the_same_bytes(model: LocalModel, tmp_path: Path):
    config = settings(**UPPER, epochs=3, batch_rows=6, learning_rate=5e-3)

    def go(work: Path, stop_at: int | None = None):
        class Stopping(Silent):
            def stage(self, title, total=None):
                return Stage()

        class Stage:
            def __enter__(self):
                self.steps = 0
                return self

            def __exit__(self, *_):
                return None

            def advance(self, n=1, **facts):
                self.steps += n
                if stop_at is not None and self.steps == stop_at:
                    raise KeyboardInterrupt

        dev = Told(lambda folder: 1.0 / (1 + int(folder.name[5:])))
        return train(model, toy_rows(), config, work=work, dev=dev, progress=Stopping(), facts=FACTS)

    whole = go(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "parts", stop_at=7)
    resumed = go(tmp_path / "parts")
    assert [entry["loss"] for entry in whole.history] == [entry["loss"] for entry in resumed.history]


def test_nothing_is_kept_below_what_is_trained(model: LocalModel):
    config, rows = settings(**UPPER), encode_rows(model.tokenizer, toy_rows(12), 500)
    every = predict(model.config, 4, rows, settings(rank=4)).memory
    upper = predict(model.config, 4, rows, config).memory
    assert upper.activations < 0.6 * every.activations and every.kept == 0
    assert upper.kept == sum(len(row.ids) - 1 for row in rows) * model.config.width * 4
    assert apply_method(model, settings())[0].frozen == 0
    assert apply_method(model, settings("ia3"))[0].frozen == 0


def test_layers_that_the_base_lacks_are_refused(model: LocalModel):
    with pytest.raises(UserError, match="layers_to_transform names layer 4"):
        apply_method(model, settings(layers_to_transform=[3, 4]))
    with pytest.raises(UserError, match="layers_to_transform"):
        settings(layers_to_transform=[-1])
    with pytest.raises(UserError, match="layers_to_transform"):
        settings(layers_to_transform=[])
