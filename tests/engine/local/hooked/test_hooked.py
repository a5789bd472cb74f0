"""A base on transformers' own code says what transformers says: shared prefixes, unlike rows, trees, adapters, training."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from oracle import TEXTS, adapted, ask, greedy, load, random_adapter, reference_model, sequence_log_probability
from toys import reference_loss, settings, toy_rows

from rung.engine.chat import prompt_tokens, training_tokens
from rung.engine.local import precision
from rung.engine.local.answering import Answering
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.hooked.decoder import HookedDecoder
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.loading import load_hooked
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.model import LocalModel
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.train.loop import apply_gradients, apply_method, gradients, make_optimizer
from rung.train.rows import encode_rows

Made = Callable[[str], Path]
Loaded = Callable[[str], LocalModel]
CPU = torch.device("cpu")
SYSTEM = "You are a helpful assistant. Read the question and write a short answer."
SCHEMA = {"type": "object", "properties": {"tone": {"enum": ["good", "bad"]}}, "required": ["tone"], "additionalProperties": False}


@torch.inference_mode()
def check_logits(model: LocalModel, reference: torch.nn.Module) -> None:
    """Of one row, twice behind a shared beginning."""
    assert isinstance(model.decoder, HookedDecoder)
    ids = torch.randint(3, 500, (60,), generator=torch.Generator().manual_seed(1))
    places = torch.cat((torch.arange(60), torch.arange(25, 60)))
    states = model.decoder.hidden(ids[places], places, PrefixedRows(prefix_tokens=25, rows=2, row_length=35))
    torch.testing.assert_close(model.decoder.logits(states), reference(ids[None]).logits[0][places], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["mistral", "phi3"])
def test_what_the_fused_decoder_leaves_out_is_hooked(made: Made, loaded: Loaded, kind: str) -> None:
    """A Llama with a window; angles that would change with the length, within the length where they do not."""
    check_logits(loaded(kind), reference_model(made(kind)))


@pytest.mark.parametrize("kind", ["gemma2", "gpt_oss", "deepseek_v3", "llama4_text", "gpt2"])
def test_logits_and_greedy_answers_equal_transformers(made: Made, loaded: Loaded, kind: str) -> None:
    """Windows, chunks, caps, sinks, latent attention, experts, merged products."""
    model, reference = loaded(kind), reference_model(made(kind))
    check_logits(model, reference)
    requests = [ask(text, system=SYSTEM, max_tokens=5 + 2 * index) for index, text in enumerate(TEXTS[:3])]
    for request, answer in zip(requests, Answering(model).answer(requests), strict=True):
        tokens, text = greedy(reference, model, request)
        assert (answer.text, answer.completion_tokens) == (text, len(tokens))


def test_adapters_side_by_side_with_choices_and_a_schema(made: Made, loaded: Loaded, tmp_path: Path) -> None:
    model, kind = loaded("gemma2"), "gemma2"
    folders = [random_adapter(tmp_path / f"{seed}", model, seed=seed, rank=seed + 1) for seed in (1, 2)]
    references = [reference_model(made(kind)), *(reference_model(made(kind), folder) for folder in folders)]
    backend, constraint = Answering(model), ChoiceConstraint(choices=("great product", "great service", "bad"))
    free = [ask(text, system=SYSTEM, max_tokens=6) for text in TEXTS[:2]]
    asked = [*free, *adapted(free, folders[0]), *adapted(free, folders[1])]
    for place, (request, answer) in enumerate(zip(asked, backend.answer(asked), strict=True)):
        assert answer.text == greedy(references[place // 2], model, request)[1]
    chosen = adapted([ask(TEXTS[0], system=SYSTEM, constraint=constraint)], folders[1])[0]
    prompt = prompt_tokens(model.tokenizer, chosen.messages)
    rows = [training_tokens(model.tokenizer, chosen.messages, (), choice) for choice in constraint.choices]
    expected = torch.tensor([sequence_log_probability(references[2], prompt, ids[start:]) for ids, start in rows])
    found = torch.tensor(list(backend.answer([chosen])[0].logprobs.values()))
    assert torch.allclose(found, torch.log_softmax(expected, -1).float(), atol=1e-4)
    held = adapted([ask(TEXTS[1], constraint=SchemaConstraint(schema=SCHEMA), max_tokens=40)], folders[0])
    assert json.loads(backend.answer(held)[0].text)["tone"] in ("good", "bad")


def test_full_steps_equal_torchs_and_the_saved_model_is_transformers(made: Made, loaded: Loaded, tmp_path: Path) -> None:
    """Soft caps on the head and in attention, tied embeddings; the base itself stays as it is."""
    model, theirs = loaded("gemma2"), reference_model(made("gemma2"))
    rows = encode_rows(model.tokenizer, toy_rows(4), 500)
    before = {name: tensor.clone() for name, tensor in model.decoder.named().items()}
    trainable, _ = apply_method(model, config := settings(method="full", clip_norm=1e9))
    optimizer, reference = (
        make_optimizer(trainable, config, 1e-3),
        torch.optim.AdamW(theirs.requires_grad_(True).parameters(), lr=1e-3, weight_decay=0.0),
    )
    for step in range(2):
        loss = gradients(trainable, rows, config, at=step + 1)
        apply_gradients(trainable, optimizer, 1e-3)
        reference.zero_grad()
        expected = reference_loss(theirs, rows)
        expected.backward()
        reference.step()
        assert loss == pytest.approx(expected.item(), abs=1e-4)
    for name, tensor in theirs.named_parameters():
        torch.testing.assert_close(trainable.masters[name], tensor, atol=3e-4, rtol=1e-3)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.decoder.named().items())
    trainable.save(tmp_path / "trained", {})
    ids = torch.tensor([rows[0].ids])
    with torch.inference_mode():
        assert torch.allclose(reference_model(tmp_path / "trained")(ids).logits, theirs(ids).logits, atol=2e-2)
    again = load(tmp_path / "trained")
    assert all(torch.equal(tensor, trainable.masters[name]) for name, tensor in again.decoder.named().items())


def test_threads_take_turns(loaded: Loaded) -> None:
    decoder = loaded("gpt2").decoder
    rows = [torch.randint(3, 500, (length,), generator=torch.Generator().manual_seed(length)) for length in (9, 14, 30, 41)]

    def states(ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return decoder.hidden(ids, torch.arange(len(ids)), PrefixedRows(prefix_tokens=0, rows=1, row_length=len(ids)))

    alone = [states(ids) for ids in rows]
    with ThreadPoolExecutor(4) as pool:
        for ours, expected in zip(pool.map(states, rows * 3), alone * 3, strict=True):
            assert torch.equal(ours, expected)


def test_the_head_is_what_the_model_makes_of_its_scores(loaded: Loaded) -> None:
    heads = {kind: loaded(kind).decoder.head for kind in ("gemma2", "cohere", "granite", "phi", "llama4_text")}
    assert heads["gemma2"].cap == pytest.approx(3.0) and heads["gemma2"].scale == 1.0
    assert heads["cohere"].scale == pytest.approx(0.3) and heads["granite"].scale == pytest.approx(1 / 3.3)
    assert heads["phi"].bias is not None and (heads["llama4_text"].scale, heads["llama4_text"].cap) == (1.0, 0.0)


def test_a_base_that_says_something_else_is_not_hooked(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the look did not see is noticed once there are weights, and its own code answers."""
    shape = HookedShape.read(made("gpt_oss"))
    monkeypatch.setattr("rung.engine.local.hooked.decoder.sinks_of", lambda asked: None)
    with pytest.raises(NotHooked, match="says something else under this engine's attention"):
        load_hooked(made("gpt_oss"), shape, torch.float32, CPU)
    config = SimpleNamespace(vocabulary=1 << 20)
    monkeypatch.setattr("rung.engine.local.model.load_plain", lambda *asked: SimpleNamespace(asked=asked, config=config))
    loaded: Any = LocalModel.load(made("gpt_oss"), dtype=torch.float32, device="cpu").decoder
    assert loaded.asked == (made("gpt_oss"), torch.float32, CPU)


def test_precision_is_chosen_by_the_same_check(made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shape = HookedShape.read(made("gpt2"))
    assert precision.choose(made("gpt2"), shape, CPU) is torch.float32
    found = precision.self_check(made("gpt2"), shape, CPU)
    assert 0 < found.mean_change_nats < 0.5
    monkeypatch.setenv("RUNG_PRECISION", "bfloat16")
    assert LocalModel.load(made("gpt2"), device="cpu").decoder.dtype is torch.bfloat16
