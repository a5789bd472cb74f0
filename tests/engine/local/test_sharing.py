"""What is kept between calls, and what must never be shared."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from oracle import LONG_SYSTEM, TEXTS, adapted, ask, load, random_adapter, reference_model

from rung.engine.local import answering, computing
from rung.engine.local.answering import Answering
from rung.engine.local.batching import ALIKE, Budget, alike, common_length, plan, shared_prefix
from rung.engine.local.model import LocalModel
from rung.parts import ChoiceConstraint


def test_shared_prefix_is_the_longest_that_leaves_each_row_a_token() -> None:
    base = list(range(30))
    assert shared_prefix([[*base, 1], [*base, 2], [*base, 3, 4]]) == 30
    assert shared_prefix([base, base]) == 29
    assert shared_prefix([base[:20], base]) == 19
    assert shared_prefix([base]) == 0 and shared_prefix([]) == 0
    assert shared_prefix([[*base[:15], 99, 1], [*base[:15], 98, 1]]) == 0
    assert common_length([[1, 2], [1, 2, 3]]) == 2 and common_length([[2], [1]]) == 0


def test_plan_is_pure_complete_and_within_its_budget() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 200, (150,), generator=generator).tolist()
    kept = [length + 50 for length in lengths]
    budget = Budget(rows=20, tokens=1500, kept_tokens=2000)
    batches = plan(lengths, kept, budget)
    assert batches == plan(list(lengths), list(kept), budget)
    assert sorted(index for batch in batches for index in batch) == list(range(150))
    for batch in batches:
        longest = max(lengths[index] for index in batch)
        assert len(batch) <= 20
        assert len(batch) == 1 or (len(batch) * longest <= 1500 and sum(kept[index] for index in batch) <= 2000)
    assert plan([5000], [9000], budget) == [[0]]


def test_rows_of_like_lengths_are_kept_together() -> None:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 400, (150,), generator=generator).tolist()
    groups = alike(lengths, 1500)
    assert sorted(index for group in groups for index in group) == list(range(150))
    for group in groups:
        longest = max(lengths[index] for index in group)
        assert len(group) == 1 or len(group) * longest <= 1500
        assert all(lengths[index] >= ALIKE * longest for index in group)
    assert [lengths[index] for group in groups for index in group] == sorted(lengths, reverse=True)


def test_a_prefix_is_computed_once_and_only_under_its_own_adapter(
    tiny, tiny_base: Path, adapter: Path, other_adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []
    real = computing.compute_prefix
    monkeypatch.setattr(computing, "compute_prefix", lambda *parts: computed.append(1) or real(*parts))
    requests = [ask(text, system=LONG_SYSTEM, max_tokens=12) for text in TEXTS]
    runtime = Answering(tiny)
    plans = [[], [adapter], [other_adapter], [adapter, other_adapter]]
    cold = [Answering(tiny).answer(adapted(requests, *adapters)) for adapters in plans]
    computed.clear()
    first = [runtime.answer(adapted(requests, *adapters)) for adapters in plans]
    assert len(computed) == 4
    warm = [runtime.answer(adapted(requests, *adapters)) for adapters in plans]
    assert len(computed) == 4
    texts = [[answer.text for answer in answers] for answers in cold]
    assert texts == [[a.text for a in answers] for answers in first] == [[a.text for a in answers] for answers in warm]
    assert len({tuple(row) for row in texts}) == 4
    assert first[0][0].cached_tokens == 0 and warm[0][0].cached_tokens == warm[0][1].cached_tokens > 80


def test_a_folder_written_anew_is_another_adapter(tiny, adapter: Path, other_adapter: Path, tmp_path: Path) -> None:
    place = tmp_path / "adapter"
    requests = [ask(text, system=LONG_SYSTEM, max_tokens=12) for text in TEXTS]
    runtime = Answering(tiny)
    found = []
    for source in (adapter, other_adapter, adapter):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place)
        found.append([answer.text for answer in runtime.answer(adapted(requests, place))])
    assert found[0] == found[2] != found[1]


def test_stacked_adapters_add_up(tiny, tiny_base: Path, adapter: Path, other_adapter: Path) -> None:
    from rung.engine.backend import AdapterUse
    from rung.engine.local.adapters import AdapterCache
    from rung.engine.local.attention import PrefixedRows

    reference = reference_model(tiny_base, adapter)
    reference.load_adapter(other_adapter, "other")
    reference.base_model.set_adapter(["default", "other"])
    ids = torch.arange(3, 40)
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(ids))
    with torch.inference_mode():
        stack = AdapterCache(tiny.decoder).stack([AdapterUse.of(adapter), AdapterUse.of(other_adapter)])
        ours = tiny.decoder.logits(tiny.decoder.hidden(ids, torch.arange(len(ids)), attention, stack.update))
        assert torch.allclose(ours, reference(ids[None]).logits[0], atol=1e-4)


def test_batches_of_every_shape_give_the_same_answers(tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [ask(text * (1 + index % 3), max_tokens=15) for index, text in enumerate(TEXTS * 4)]
    expected = [answer.text for answer in Answering(tiny).answer(requests)]
    for limits in ((1, 4096, 1 << 30), (3, 200, 1 << 30), (64, 4096, 100_000)):
        monkeypatch.setattr(answering, "LIMITS", {"cpu": limits})
        assert [answer.text for answer in Answering(tiny).answer(requests)] == expected


def test_the_backend_answers_counts_and_prices(tiny_base: Path, adapter: Path, tmp_path: Path) -> None:
    from rung.engine.bases.resolve import open_backend

    prices = {"input_usd_per_million": 2.0, "output_usd_per_million": 10.0}
    backend = open_backend(str(tiny_base), tmp_path, prices=prices)
    answer = backend.answer(adapted([ask("hello there", max_tokens=4)], adapter))[0]
    assert answer.prompt_tokens and answer.completion_tokens
    assert answer.cost_usd == pytest.approx((2 * answer.prompt_tokens + 10 * answer.completion_tokens) / 1e6)
    assert "@sha256:" in backend.reference and len(backend.template) == 64
    free = open_backend(str(tiny_base), tmp_path).answer(adapted([ask("hello there", max_tokens=4)], adapter))[0]
    assert free.cost_usd is None and free.text == answer.text


def test_an_adapter_of_another_base_is_refused(tiny, tmp_path: Path) -> None:
    from tiny import make_tiny_model

    from rung.errors import UserError

    small = load(make_tiny_model(tmp_path / "small", layers=2))
    foreign = random_adapter(tmp_path / "adapter", small)
    with pytest.raises(UserError, match="names 7 modules of the base that the file has no tensors of"):
        Answering(tiny).answer(adapted([ask("x")], foreign))
    (foreign / "adapter_model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has no adapter_model\.safetensors"):
        adapted([ask("x")], foreign)


def test_a_kept_prefix_changes_no_bit_of_an_answer(tiny_base: Path) -> None:
    """In bfloat16, where any other order of sums would show."""
    model = LocalModel.load(tiny_base, dtype=torch.bfloat16, device="cpu")
    choice = ChoiceConstraint(choices=("positive", "negative", "my order", "my card"))
    requests = [ask(text, system=LONG_SYSTEM, constraint=choice) for text in TEXTS]
    runtime = Answering(model)
    cold, warm, other = runtime.answer(requests), runtime.answer(requests), Answering(model).answer(requests)
    assert warm[0].cached_tokens and not cold[0].cached_tokens
    assert [a.logprobs for a in cold] == [a.logprobs for a in warm] == [a.logprobs for a in other]
