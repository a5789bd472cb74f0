"""Low-rank products that are gathered: each token's own ranks, and what it is answered with where nothing is compiled."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from oracle import load, random_adapter

from rung.engine.backend import AdapterUse
from rung.engine.local import bank as banks
from rung.engine.local import gathered, mixed
from rung.engine.local.adapters import BASE, AdapterCache, Stack
from rung.engine.local.bank import Bank
from rung.engine.local.compiled import low_rank, team
from rung.engine.local.compiled.low_rank import COLUMNS, GatheredFactors
from rung.engine.local.gathered import gathers
from rung.engine.local.low_rank import Factors
from rung.engine.local.mixed import Mixed
from rung.engine.local.model import LocalModel
from rung.engine.local.token_ranks import RUN_TOKENS, TokenRanks

CPU = torch.device("cpu")
NEAR = {torch.float32: {"rtol": 1e-5, "atol": 1e-5}, torch.bfloat16: {"rtol": 2**-8, "atol": 1e-6}}
Run = tuple[int, int, Sequence[tuple[int, int, float]]]


def drawn(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


def exactly(y: torch.Tensor, x: torch.Tensor, down: torch.Tensor, up: torch.Tensor, runs: Sequence[Run]) -> torch.Tensor:
    """In double precision."""
    found = y.double()
    for begin, end, entries in runs:
        for first, last, weight in entries:
            found[begin:end] += weight * (x[begin:end].double() @ down[first:last].double().T) @ up[first:last].double()
    return found


def some(chance: random.Random) -> tuple[list[int], list[Run], int]:
    """(ranks of each slot, runs, tokens): runs of any length, of no slot, one or several."""
    ranks = [chance.choice((1, 2, 3, 4, 5, 8, 9, 16, 21)) for _ in range(chance.randint(1, 7))]
    ends = [sum(ranks[: slot + 1]) for slot in range(len(ranks))]
    runs: list[Run] = []
    at = 0
    for _ in range(chance.randint(1, 6)):
        own = chance.sample(range(len(ranks)), chance.randint(0, min(3, len(ranks))))
        end = at + chance.choice((1, 1, 2, 3, RUN_TOKENS, RUN_TOKENS + 1, 2 * RUN_TOKENS, 11))
        runs.append((at, end, [(ends[slot] - ranks[slot], ends[slot], chance.choice((1.0, 0.5, -0.7))) for slot in own]))
        at = end
    return ranks, runs, at


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("seed", range(40))
def test_it_is_what_double_precision_gives(dtype: torch.dtype, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert gathers(dtype), "it is compiled on every machine that tests run on"
    chance = random.Random(seed)
    ranks, runs, tokens = some(chance)
    width_in, width_out = chance.choice((1, 7, 64, 130)), chance.choice((1, 30, 64, COLUMNS, COLUMNS + 1, 2 * COLUMNS + 77))
    down, up = (drawn(sum(ranks), width, seed=seed + 1).to(dtype) for width in (width_in, width_out))
    reach = []
    for rank in range(sum(ranks)):
        begin, end = sorted(chance.choices(range(width_out + 1), k=2)) if chance.random() < 0.5 else (0, width_out)
        up[rank, :begin] = up[rank, end:] = 0
        reach.append((1, begin, end))
    factors = GatheredFactors(down, up)
    factors.reach(0, reach)
    x, y = drawn(tokens, 2 * width_in, seed=seed + 2).to(dtype)[:, ::2], drawn(tokens, width_out, seed=seed + 3).to(dtype)
    exact, before = exactly(y, x, down, up, runs), y.clone()
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        said = before.clone()
        factors.add(said, x, TokenRanks(runs))
        found.append(said)
    assert torch.equal(*found), "threads change nothing"
    scale = float(exact.abs().max())
    assert torch.allclose(found[0].double(), exact, rtol=NEAR[dtype]["rtol"], atol=NEAR[dtype]["atol"] * max(1.0, scale))
    for begin, end, entries in runs:
        assert entries or torch.equal(found[0][begin:end], before[begin:end])


def test_numbers_are_rounded_as_torch_rounds_them_and_what_is_no_number_stays_none() -> None:
    gathers(torch.bfloat16)
    y = torch.tensor([[float("nan"), float("inf"), -float("inf"), 1.0, 1.0, -0.0, 3e38, 1e-40]]).bfloat16()
    up = torch.tensor([[1.0, 1.0, 1.0, 2**-8, 3 * 2**-8, 0.0, 3e38, 0.0]]).bfloat16()
    exact = (y.float() + up.float()).bfloat16()
    GatheredFactors(torch.ones(1, 1).bfloat16(), up).add(y, torch.ones(1, 1).bfloat16(), TokenRanks([(0, 1, [(0, 1, 1.0)])]))
    assert torch.equal(y.isnan(), exact.isnan()) and torch.equal(y[:, 1:], exact[:, 1:])


def test_factors_that_change_where_they_lie_are_heard_of() -> None:
    gathers(torch.float32)
    down, up = drawn(4, 8), drawn(4, 6, seed=1)
    factors, ranks = GatheredFactors(down, up), TokenRanks([(0, 2, [(0, 4, 1.0)])])
    for seed in (2, 3):
        down[:], up[:] = drawn(4, 8, seed=seed), drawn(4, 6, seed=seed + 5)
        x, y = drawn(2, 8, seed=9), drawn(2, 6, seed=10)
        exact = exactly(y, x, down, up, [(0, 2, [(0, 4, 1.0)])])
        factors.add(y, x, ranks)
        assert torch.allclose(y.double(), exact, atol=1e-5)


def test_what_does_not_fit_is_refused_before_memory_is_touched() -> None:
    gathers(torch.float32)
    factors, ranks = GatheredFactors(drawn(2, 8), drawn(2, 6)), TokenRanks([(0, 3, [(0, 2, 1.0)])])
    wrong = [
        (drawn(3, 6), drawn(3, 7)),
        (drawn(3, 5), drawn(3, 8)),
        (drawn(2, 6), drawn(3, 8)),
        (drawn(3, 6), drawn(3, 8).bfloat16()),
        (drawn(3, 6).double(), drawn(3, 8)),
        (drawn(3, 12)[:, ::2], drawn(3, 8)),
    ]
    for y, x in wrong:
        before = y.clone()
        with pytest.raises(ValueError, match=r"torch\.|gaps"):
            factors.add(y, x, ranks)
        assert torch.equal(y, before)


def test_many_threads_gather_at_once_each_its_own() -> None:
    gathers(torch.float32)
    wrong = []

    def gather(seed: int) -> None:
        down, up = drawn(8, 64, seed=seed), drawn(8, 300, seed=seed + 1)
        factors, runs = GatheredFactors(down, up), [(0, 5, [(0, 8, 1.0)])]
        for turn in range(50):
            x, y = drawn(5, 64, seed=turn), drawn(5, 300, seed=turn + 1)
            exact = exactly(y, x, down, up, runs)
            factors.add(y, x, TokenRanks(runs))
            if not torch.allclose(y.double(), exact, atol=1e-4):
                wrong.append((seed, turn))

    threads = [threading.Thread(target=gather, args=(10 * place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_threads_are_torchs_own() -> None:
    torch.randn(256, 256) @ torch.randn(256, 256)
    if sys.platform == "linux":
        library, own = team.torch_openmp(), Path(torch.__file__).parent
        assert library is not None and Path(library).exists()
        assert Path(library).is_relative_to(own) or not list(own.rglob("libgomp*"))


def test_parts_of_a_product_know_how_far_they_reach() -> None:
    ups = [drawn(6, 2), torch.zeros(3, 0), drawn(4, 5)]
    factors = Factors.diagonal([drawn(2, 8), drawn(5, 8)], ups, torch.float32)
    assert factors.reached == ((2, 0, 6), (5, 9, 13))
    first = 0
    for ranks, begin, end in factors.reached:
        own = factors.up[:, first : first + ranks]
        assert not own[:begin].any() and not own[end:].any() and own[begin:end].all()
        first += ranks
    assert Factors(drawn(3, 8), drawn(5, 3)).reached == ((3, 0, 5),)
    assert factors.times(0.5).reached == factors.reached


def stacks_of(model: LocalModel, place: Path, ranks: Sequence[int]) -> list[Stack]:
    cache = AdapterCache(model.decoder)
    uses = [AdapterUse.of(random_adapter(place / str(rank), load(model.folder), seed=rank, rank=rank)) for rank in ranks]
    return [BASE, *(cache.stack([use]) for use in uses), cache.stack(uses)]


@pytest.mark.parametrize("apart", [3, 128])
def test_a_pass_is_the_same_where_nothing_is_compiled(
    apart: int, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LocalModel.load(tiny_base, dtype=torch.float32, device="cpu")
    stacks = stacks_of(model, tmp_path, (2, 5, 8))
    sizes = (1, 9, 2, 1, 4)
    monkeypatch.setattr(mixed, "APART_FROM", apart)

    def said() -> dict[str, torch.Tensor]:
        bank, found = Bank(CPU), {}
        bank.hold(stacks)
        for product in model.config.products[0]:
            weight = getattr(model.decoder.weights.layers[0], product)
            x = drawn(sum(sizes), weight.shape[1])
            with torch.inference_mode():
                found[product] = Mixed.over(stacks, sizes, bank).linear(0, product, x, weight, None)
        return found

    compiled = said()
    monkeypatch.setattr(banks, "gathered", lambda _down, _up: None)
    for product, plain in said().items():
        assert torch.allclose(compiled[product], plain, atol=1e-5)


def test_who_has_no_compiler_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    gathers.cache_clear()
    monkeypatch.setitem(sys.modules, "rung.engine.local.compiled.low_rank", None)
    assert not gathers(torch.float32) and gathered.gathered(drawn(2, 8), drawn(2, 6)) is None
    gathers.cache_clear()


def test_a_compiler_that_is_wrong_here_is_not_asked(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    gathers.cache_clear()
    monkeypatch.setattr(GatheredFactors, "add", lambda *_: None)
    assert not gathers(torch.float32)
    gathers.cache_clear()

    def fails(*_: object) -> None:
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(GatheredFactors, "add", fails)
    assert not gathers(torch.float32) and "no such instruction" in caplog.text
    gathers.cache_clear()


def test_what_was_compiled_is_kept_for_the_code_that_it_was_compiled_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    low_rank.begin(np.float32)
    assert low_rank.begin(np.float32).cache_hits == 1
    monkeypatch.setattr(low_rank, "sources", lambda: random.randrange(1, 1 << 50))
    assert low_rank.begin(np.float32).cache_hits == 0


def test_where_nothing_can_be_kept_it_is_compiled_for_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(low_rank, "sources", lambda: random.randrange(1, 1 << 50))
    monkeypatch.setattr("numba.core.caching.CompileResultCacheImpl.reduce", full)
    assert low_rank.begin(np.float32).address


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted as Linux tells them")
def test_who_asks_whether_it_is_compiled_is_left_with_no_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are more helpers than processors OpenMP has all of them sleep between two products."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    told: list[int] = []

    def ask() -> None:
        told.append(len(os.listdir("/proc/self/task")))
        gathers.cache_clear()
        assert gathers(torch.float32)
        for _ in range(100):
            if len(os.listdir("/proc/self/task")) <= told[0]:
                break
            time.sleep(0.05)
        told.append(len(os.listdir("/proc/self/task")))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert len(told) == 2 and told[1] <= told[0]
