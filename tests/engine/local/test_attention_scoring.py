"""Windows, chunks, soft caps and sinks over every layout are what one token after the other would see, scored in float64."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from rung.engine.local import attention
from rung.engine.local.adapters import BASE
from rung.engine.local.attention import PrefixedRows
from rung.engine.local.cache import Part, RowCache, extend_together
from rung.engine.local.prefix import compute_prefix
from rung.engine.local.scoring import PLAIN, Reach, Scoring
from rung.engine.local.shape import KeyValueSizes

HEADS, KEY_HEADS, WIDTH, VALUE_WIDTH = 4, 2, 8, 6
SINKS = torch.tensor([0.5, -1.0, 2.0, 0.0])
SCORINGS = {
    "plain": PLAIN,
    "scale": Scoring(scale=0.9),
    "window": Scoring(reach=Reach(window=4)),
    "window of one": Scoring(reach=Reach(window=1)),
    "long window": Scoring(reach=Reach(window=23)),
    "chunk": Scoring(reach=Reach(chunk=5)),
    "cap": Scoring(cap=1.5),
    "sinks": Scoring(sinks=SINKS),
    "all": Scoring(scale=0.7, reach=Reach(window=6), cap=2.0, sinks=SINKS),
}


class OneLayer:
    """A decoder of attention alone: queries, keys and values are drawn by token and place."""

    def __init__(self, scoring: Scoring) -> None:
        chance = torch.Generator().manual_seed(0)
        sizes = ((HEADS, WIDTH), (KEY_HEADS, WIDTH), (KEY_HEADS, VALUE_WIDTH))
        self.tables = [[torch.randn(n, *size, generator=chance) for size in sizes] for n in (50, 80)]
        self.scoring, self.device, self.dtype = scoring, torch.device("cpu"), torch.float32
        self.config = SimpleNamespace(keys_values=(KeyValueSizes(heads=KEY_HEADS, key_width=WIDTH, value_width=VALUE_WIDTH),))

    def made(self, ids: Tensor, places: Tensor) -> list[Tensor]:
        return [by_token[ids] + by_place[places] for by_token, by_place in zip(*self.tables, strict=True)]

    def hidden(self, ids: Tensor, positions: Tensor, mixing, update=None, only: Tensor | None = None) -> Tensor:
        out = mixing(0, *self.made(ids, positions), self.scoring)
        return out if only is None else out[only]

    def last(self, tokens: list[int]) -> Tensor:
        """What the last of a conversation's tokens gets, by the definition."""
        places = torch.arange(len(tokens))
        queries, keys, values = (tensor.double() for tensor in self.made(torch.tensor(tokens), places))
        scoring, at = self.scoring, len(tokens) - 1
        seen = [
            place
            for place in places.tolist()
            if (not scoring.reach.window or at - place < scoring.reach.window)
            and (not scoring.reach.chunk or at // scoring.reach.chunk == place // scoring.reach.chunk)
        ]
        out = []
        for head in range(HEADS):
            shared = head // (HEADS // KEY_HEADS)
            scores = keys[seen, shared] @ queries[at, head] * (scoring.scale or WIDTH**-0.5)
            scores = scoring.cap * torch.tanh(scores / scoring.cap) if scoring.cap else scores
            weights = scores.exp() / (scores.exp().sum() + (0.0 if scoring.sinks is None else scoring.sinks[head].double().exp()))
            out.append(weights @ values[seen, shared])
        return torch.cat(out).float()


@pytest.fixture(params=["plain products", "fused kernel", "a query at a time"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a pass over whole rows is computed; what the kernel cannot do is computed in parts."""
    if request.param != "plain products":
        monkeypatch.setattr(attention, "PLAIN_SCORES_AT_MOST", 0)
    if request.param == "a query at a time":
        monkeypatch.setattr(attention, "FORCED_SCORES_AT_ONCE", 1)
    return request.param


@pytest.mark.parametrize("name", SCORINGS)
def test_every_layout_sees_what_it_should(name: str, way: str) -> None:
    decoder = OneLayer(SCORINGS[name])
    chance = torch.Generator().manual_seed(3)
    prefix, *rows = (torch.randint(0, 50, (n,), generator=chance).tolist() for n in (11, 7, 12, 3))
    tails = [[5, 6], [7], [8, 9, 10]]
    nodes, parents, paths = [11, 12, 13, 14], [-1, 0, 1, 0], [[11], [11, 12], [11, 12, 13], [11, 14]]

    # One pass over a prefix and rows of like length, its prefix computed here.
    flat = [*prefix, *rows[0], *reversed(rows[0])]
    places = torch.tensor([*range(11), *range(11, 18), *range(11, 18)])
    found = decoder.hidden(torch.tensor(flat), places, PrefixedRows(prefix_tokens=11, rows=2, row_length=7))
    wholes = [flat[: at + 1] if at < 18 else prefix + flat[18 : at + 1] for at in range(25)]
    torch.testing.assert_close(found, torch.stack([decoder.last(whole) for whole in wholes]), atol=1e-5, rtol=1e-4)

    # Rows behind a kept prefix, read, continued, and continued along a tree.
    cache = RowCache(decoder, 3, 32, compute_prefix(decoder, tuple(prefix), BASE))
    for tokens, before in ((rows, [[], [], []]), (tails, rows)):
        found = extend_together([Part.of(cache, tokens)], None)
        expected = [decoder.last([*prefix, *old, *new]) for old, new in zip(before, tokens, strict=True)]
        torch.testing.assert_close(found, torch.stack(expected), atol=1e-5, rtol=1e-4)
    tree = cache.branch(nodes, parents)
    for row, tail, states in zip(rows, tails, tree, strict=True):
        expected = [decoder.last([*prefix, *row, *tail, *path]) for path in paths]
        torch.testing.assert_close(states, torch.stack(expected), atol=1e-5, rtol=1e-4)


def test_what_is_out_of_reach_is_not_even_multiplied() -> None:
    """The first place that is seen, and whether all of a conversation is."""
    assert [Reach(window=4).first(place) for place in (0, 3, 4, 10)] == [0, 0, 1, 7]
    assert [Reach(chunk=4).first(place) for place in (0, 3, 4, 10)] == [0, 0, 4, 8]
    assert Reach().first(10) == 0 and Reach().covers(10**6)
    assert Reach(window=4).covers(4) and not Reach(window=4).covers(5)
    assert Reach(chunk=4).covers(4) and not Reach(chunk=4).covers(5)
