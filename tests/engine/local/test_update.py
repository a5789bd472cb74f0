"""The four places where an Update may act, against the same acts done to transformers' own modules by hooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from oracle import reference_model
from torch import Tensor

from rung.engine.local.attention import PrefixedRows
from rung.engine.local.update import Sum, Untouched, Update

IDS = torch.arange(5, 65)


class Everywhere(Untouched):
    """Acts where its `places` say, differently in each layer."""

    def __init__(self, *places: str) -> None:
        self.places = places

    def linear(self, layer: int, product: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        y = super().linear(layer, product, x, weight, bias)
        return y * (1.2 + layer / 10) if "linear" in self.places and product == "down" else y

    def residual(self, layer: int, x: Tensor) -> Tensor:
        return x + 0.1 * (layer + 1) if "residual" in self.places else x

    def keys_values(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        return (keys * 1.5, values + 0.2 * (layer + 1)) if "keys_values" in self.places else (keys, values)

    def embedding(self, ids: Tensor, x: Tensor) -> Tensor:
        return x + ids[:, None] / 100 if "embedding" in self.places else x


@contextmanager
def hooked(model, places: tuple[str, ...]) -> Iterator[None]:
    """The same, done by hooks."""
    hooks = []
    for index, layer in enumerate(model.model.layers):
        acts = {
            "linear": [(layer.mlp.down_proj, lambda _, __, y, at=index: y * (1.2 + at / 10))],
            "residual": [(layer, lambda _, __, y, at=index: y + 0.1 * (at + 1))],
            "keys_values": [
                (layer.self_attn.k_proj, lambda _, __, y: y * 1.5),
                (layer.self_attn.v_proj, lambda _, __, y, at=index: y + 0.2 * (at + 1)),
            ],
        }
        hooks += [module.register_forward_hook(act) for place in places for module, act in acts.get(place, [])]
    if "embedding" in places:
        hooks.append(model.model.embed_tokens.register_forward_hook(lambda _, ids, x: x + ids[0][..., None] / 100))
    yield
    for hook in hooks:
        hook.remove()


@torch.inference_mode()
def logits(model, update: Update | None, only: Tensor | None = None) -> Tensor:
    attention = PrefixedRows(prefix_tokens=0, rows=1, row_length=len(IDS))
    return model.decoder.logits(model.decoder.hidden(IDS, torch.arange(len(IDS)), attention, update, only))


@pytest.mark.parametrize(
    "places", [("linear",), ("residual",), ("keys_values",), ("embedding",), ("linear", "residual", "embedding")]
)
def test_each_place_is_where_transformers_has_it(tiny, tiny_base: Path, places: tuple[str, ...]) -> None:
    reference = reference_model(tiny_base)
    with hooked(reference, places), torch.inference_mode():
        expected = reference(IDS[None]).logits[0]
    ours = logits(tiny, Everywhere(*places))
    assert torch.allclose(ours, expected, atol=1e-4)
    assert (ours - logits(tiny, None)).abs().max() > 0.05
    only = torch.tensor([3, 17, 59])
    assert torch.allclose(logits(tiny, Everywhere(*places), only), ours[only], atol=1e-5)


def test_what_acts_nowhere_is_the_base(tiny) -> None:
    assert torch.equal(logits(tiny, Untouched()), logits(tiny, None))


class ByToken(Untouched):
    """Acts on some tokens alone."""

    def __init__(self, which: Tensor) -> None:
        self.which = which

    def residual(self, layer: int, x: Tensor) -> Tensor:
        return x + self.which[:, None]

    def of(self, tokens: Tensor) -> Update:
        return ByToken(self.which[tokens])


def test_an_update_that_asks_which_tokens_go_on_is_told(tiny) -> None:
    update, only = ByToken(torch.linspace(0, 1, len(IDS))), torch.tensor([0, 30, 59])
    assert torch.allclose(logits(tiny, update, only), logits(tiny, update)[only], atol=1e-5)
    assert torch.allclose(logits(tiny, Sum([(update, 1.0)]), only), logits(tiny, update)[only], atol=1e-5)


def test_a_sum_adds_what_each_adds_alone() -> None:
    x, weight = torch.randn(4, 8), torch.randn(6, 8)
    places = ("linear", "residual", "keys_values", "embedding")
    one, two = Everywhere(*places), Everywhere("linear", "residual")
    both = Sum([(one, 1.0), (two, 0.5)])
    plain = torch.nn.functional.linear(x, weight)
    changes = [update.linear(1, "down", x, weight, None) - plain for update in (one, two)]
    assert torch.allclose(both.linear(1, "down", x, weight, None), plain + changes[0] + 0.5 * changes[1], atol=1e-6)
    assert torch.allclose(both.residual(1, x), x + 0.2 * 1.5, atol=1e-6)
    keys, values = both.keys_values(0, x, x)
    assert torch.allclose(keys, x * 1.5) and torch.allclose(values, x + 0.2)
    assert torch.allclose(both.embedding(torch.arange(4), x), x + torch.arange(4)[:, None] / 100)
