"""Rows without padding against the same rows padded, which other tests hold against transformers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.engine.local.ragged import RaggedRows
from rung.engine.local.scoring import PLAIN, Reach, Scoring

CPU = torch.device("cpu")


def layout(prefix: int, lengths: tuple[int, ...]) -> RaggedRows:
    return RaggedRows(prefix_tokens=prefix, lengths=lengths, device=CPU)


def attended(rows: RaggedRows, sizes: tuple[int, int, int, int], scoring: Scoring, *, padded: bool) -> list[torch.Tensor]:
    """What attention gives and the gradients of what went in; sizes are heads, key heads, width and value width."""
    heads, key_heads, width, value_width = sizes
    n, chance = rows.prefix_tokens + sum(rows.lengths), torch.Generator().manual_seed(3)
    given = [
        torch.randn(n, count, wide, generator=chance, requires_grad=True)
        for count, wide in ((heads, width), (key_heads, width), (key_heads, value_width))
    ]
    if padded:
        out = rows.as_padded(0, *(tensor.index_select(0, rows.padded) for tensor in given), scoring).index_select(0, rows.unpadded)
    else:
        out = rows(0, *given, scoring)
    out.backward(torch.randn(out.shape, generator=chance))
    return [out.detach(), *(tensor.grad for tensor in given)]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.integers(0, 9),
    st.lists(st.integers(1, 12), min_size=1, max_size=5).map(tuple),
    st.sampled_from([(4, 4, 8, 8), (6, 2, 8, 8), (3, 1, 8, 5)]),
    st.sampled_from([None, 0.25]),
)
def test_it_is_the_attention_of_padded_rows(prefix: int, lengths: tuple[int, ...], sizes: tuple[int, int, int, int], scale):
    scoring = Scoring(scale=scale)
    ours, theirs = (attended(layout(prefix, lengths), sizes, scoring, padded=padded) for padded in (False, True))
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "scoring", [Scoring(reach=Reach(window=4)), Scoring(cap=5.0), Scoring(sinks=torch.tensor([0.5, -1.0, 0.0, 2.0]))]
)
@pytest.mark.parametrize("prefix", [0, 6])
def test_what_a_layer_asks_beside_is_heeded(prefix: int, scoring: Scoring):
    rows = layout(prefix, (5, 9, 2))
    ours, theirs = (attended(rows, (4, 2, 8, 8), scoring, padded=padded) for padded in (False, True))
    plain = attended(rows, (4, 2, 8, 8), PLAIN, padded=False)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
    assert not torch.allclose(ours[0], plain[0])


def test_long_rows_go_through_the_fused_kernel(monkeypatch: pytest.MonkeyPatch):
    rows = layout(3, (8, 5))
    plain = attended(rows, (4, 2, 8, 8), PLAIN, padded=False)
    for module in ("ragged", "attention"):
        monkeypatch.setattr(f"rung.engine.local.{module}.PLAIN_SCORES_AT_MOST", 10)
    torch.testing.assert_close(attended(rows, (4, 2, 8, 8), PLAIN, padded=False), plain, atol=2e-5, rtol=1e-4)


def test_a_row_does_not_see_another():
    rows, chance = layout(2, (3, 4)), torch.Generator().manual_seed(1)
    queries, keys, values = (torch.randn(9, 2, 8, generator=chance) for _ in range(3))
    before = rows(0, queries, keys, values)
    keys[2:5] += 1.0
    values[2:5] += 1.0
    after = rows(0, queries, keys, values)
    torch.testing.assert_close(after[5:], before[5:])
    assert not torch.allclose(after[2:5], before[2:5])
