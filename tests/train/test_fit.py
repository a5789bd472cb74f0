"""Predictions against what really happens: kept tensors, counted parameters, a calibration that trains nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tiny import make_tiny_model
from toys import load, settings, toy_rows

from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.fused import FusedDecoder
from rung.engine.local.model import LocalModel
from rung.engine.local.weights import load_weights
from rung.train.batches import collate, computed_tokens
from rung.train.fit import activation_bytes, calibrate, predict, predict_memory
from rung.train.loop import apply_method, gradients, make_optimizer
from rung.train.method import method_names
from rung.train.objectives import sft
from rung.train.rows import EncodedRow, encode_rows


def in_dtype(folder: Path, dtype: torch.dtype) -> LocalModel:
    model = load(folder)
    weights = load_weights(folder, model.config, dtype, torch.device("cpu"))
    return LocalModel(folder=folder, tokenizer=model.tokenizer, decoder=FusedDecoder(model.config, weights))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", method_names())
def test_activations_are_what_autograd_keeps(tmp_path: Path, dtype: torch.dtype, method: str):
    model = in_dtype(make_tiny_model(tmp_path / "model", layers=6), dtype)
    config = settings(method=method)
    trainable, _ = apply_method(model, config)
    rows = encode_rows(model.tokenizer, toy_rows(16), 500)
    known = [*trainable.masters.values(), *(tensor for _, tensor in trainable.decoder.weights.named())]
    owned = {tensor.untyped_storage().data_ptr() for tensor in known}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in owned:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    update = trainable.update()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        sft.loss(trainable.decoder, update, collate(rows, torch.device("cpu")), 10, config.objective_settings)
    measured = sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / computed_tokens(rows)
    longest = max(len(row.ids) for row in rows)
    assert activation_bytes(model.config, dtype.itemsize, longest, config) == pytest.approx(measured, rel=0.12)


def test_parameters_and_states_are_counted(tiny_base: Path):
    model = load(tiny_base)
    assert model.config.parameters == sum(tensor.numel() for _, tensor in model.decoder.weights.named())
    rows = encode_rows(model.tokenizer, toy_rows(8), 500)
    for method in method_names():
        config = settings(method=method)
        trainable, peak = apply_method(model, config)
        optimizer = make_optimizer(trainable, config, peak)
        gradients(trainable, rows, config, at=1)
        optimizer.step()
        memory = predict_memory(model.config, 4, config, rows)
        assert memory.masters == sum(master.nbytes for master in trainable.masters.values())
        state = sum(moments[name].nbytes for moments in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq"))
        assert memory.optimizer == state


def test_published_parameter_counts(tmp_path: Path):
    """Llama-3.2-3B: 3,212,749,824 in all, as PEFT's benchmark records of that model say."""
    config = {"model_type": "llama", "vocab_size": 128256, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 28}
    config |= {"num_attention_heads": 24, "num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-5}
    config |= {"max_position_embeddings": 131072, "tie_word_embeddings": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    shape = DecoderConfig.read(tmp_path)
    assert shape.parameters == 3_212_749_824
    rows = [EncodedRow(tuple(range(2048)), 1)]
    lora, full = (predict_memory(shape, 2, settings(method=method), rows) for method in ("lora", "full"))
    assert lora.weights == 2 * 3_212_749_824 and full.masters + full.optimizer == 12 * 3_212_749_824
    assert full.total > 3 * lora.total > 3 * 8e9
    assert lora.activations < 12e9


def test_a_prediction_counts_steps_tokens_and_time(tiny_base: Path):
    model = load(tiny_base)
    rows = encode_rows(model.tokenizer, toy_rows(24), 500)
    fit = predict(model.config, 4, rows, settings(epochs=2, batch_rows=6), tokens_per_s=1000.0)
    assert (fit.rows, fit.steps, fit.tokens) == (24, 8, 2 * sum(len(row.ids) for row in rows))
    assert fit.seconds == pytest.approx(fit.tokens / 1000)
    assert predict(model.config, 4, rows, settings()).seconds is None


@pytest.mark.parametrize("method", method_names())
def test_a_calibration_takes_real_steps_and_leaves_the_base_alone(tiny_base: Path, method: str):
    model = load(tiny_base)
    before = {name: tensor.clone() for name, tensor in model.decoder.weights.named()}
    rows = encode_rows(model.tokenizer, toy_rows(12), 500)
    assert calibrate(model, rows, settings(method=method, batch_rows=4), seconds=0.0) > 0
    assert all(torch.equal(before[name], tensor) for name, tensor in model.decoder.weights.named())
