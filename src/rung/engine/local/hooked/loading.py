"""A hooked base read into memory, and tried: what it says under our attention must be what it says under transformers' own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rung.engine.local.attention import PrefixedRows
from rung.engine.local.hooked.decoder import HookedDecoder, hook
from rung.engine.local.hooked.interface import COMPUTING, NotHooked, register
from rung.engine.local.hooked.look import stack_of
from rung.engine.local.hooked.shape import HookedShape
from rung.engine.local.modules import load_module

# Tokens of the trial: what its rows share, and what each has of its own.
_SHARED, _OWN = 5, 4
# The mean change of a token's log-probability that rounding explains, in nats, by precision; what is not computed is off by more.
# In bfloat16 one rounded score may send a token to another expert.
_CHANGE_AT_MOST = {torch.float32: 1e-3, torch.float64: 1e-3}
_ROUNDED_CHANGE_AT_MOST = 0.5


def load_hooked(folder: Path, shape: HookedShape, dtype: torch.dtype, device: torch.device) -> HookedDecoder:
    """Raises UserError for weights that are not all there, NotHooked for a base that says something else this way."""
    register()
    model = load_module(folder, dtype, attn_implementation=COMPUTING)
    decoder = hooked(model.to(device), shape)
    compare(decoder)
    return decoder


def hooked(model: Any, shape: HookedShape) -> HookedDecoder:
    """A decoder on a model in memory. Raises NotHooked for a head that computes more than a scale and a soft cap."""
    return HookedDecoder(shape, model, hook(model, shape), _finish_of(model))


@torch.no_grad()
def _finish_of(model: Any) -> tuple[float, float]:
    """(scale, cap) of the head, by what the model makes of given hidden states and of given products."""
    head, stack = model.get_output_embeddings(), stack_of(model)
    given = torch.cat((torch.tensor([1e-3, 1e6]), torch.linspace(-60.0, 60.0, min(200, head.weight.shape[0] - 2))))
    seen: dict[str, Tensor] = {}

    def before(module: Any, inputs: Any) -> None:
        seen["into"] = inputs[0]

    def after(module: Any, inputs: Any, output: Tensor) -> Tensor:
        made = torch.zeros(output.shape, device=output.device)
        made[..., : len(given)] = given.to(output.device)
        return made

    handles = [
        stack.register_forward_hook(lambda module, inputs, output: seen.update(hidden=output[0])),
        head.register_forward_pre_hook(before),
        head.register_forward_hook(after),
    ]
    try:
        with _by_itself(model):
            scores = model(input_ids=torch.ones(1, 2, dtype=torch.int64, device=model.device), use_cache=False).logits
    finally:
        for handle in handles:
            handle.remove()
    into, hidden = seen["into"].float().flatten(), seen["hidden"].float().flatten()
    before_head = float(into @ hidden / (hidden @ hidden)) if into.shape == hidden.shape else float("nan")
    if not torch.allclose(into, hidden * before_head, rtol=1e-2, atol=1e-2 * float(into.abs().max())):
        raise NotHooked("changes its final states on their way to the head")
    made = scores[0, 0, : len(given)].float().cpu()
    scale, most = float(made[0] / 1e-3), float(made[1])
    cap = most if abs(most) < 1e5 * abs(scale) else 0.0
    expected = cap * torch.tanh(given * scale / cap) if cap else given * scale
    if scores.shape[-1] != head.weight.shape[0] or not torch.allclose(made, expected, rtol=1e-3, atol=1e-4):
        raise NotHooked("makes more of its scores than a scale and a soft cap")
    if abs(scale - 1.0) < 1e-4:
        scale = 1.0
    return scale * (before_head if abs(before_head - 1.0) > 1e-4 else 1.0), cap


@torch.no_grad()
def compare(decoder: HookedDecoder) -> None:
    """Two rows behind a shared beginning, in one flat pass, and each alone in transformers' own. Raises NotHooked."""
    many = decoder.config.vocabulary
    numbers = [7 + 13 * place % max(2, many - 8) for place in range(_SHARED + 2 * _OWN)]
    shared, first, second = (torch.tensor(part) % many for part in (numbers[:_SHARED], numbers[_SHARED:-_OWN], numbers[-_OWN:]))
    places = torch.cat((torch.arange(_SHARED), *(torch.arange(_SHARED, _SHARED + _OWN),) * 2)).to(decoder.device)
    rows = PrefixedRows(prefix_tokens=_SHARED, rows=2, row_length=_OWN)
    ours = torch.log_softmax(
        decoder.logits(decoder.hidden(torch.cat((shared, first, second)).to(decoder.device), places, rows)), -1
    )
    at_most = _CHANGE_AT_MOST.get(decoder.dtype, _ROUNDED_CHANGE_AT_MOST)
    for index, own in enumerate((first, second)):
        ids = torch.cat((shared, own)).to(decoder.device)
        with _by_itself(decoder.model):
            theirs = torch.log_softmax(decoder.model(input_ids=ids[None], use_cache=False).logits[0].float(), -1)
        start = _SHARED + index * _OWN
        mine = torch.cat((ours[:_SHARED], ours[start : start + _OWN]))
        change = (mine - theirs).abs().mean()
        if not float(change) <= at_most:
            raise NotHooked(f"says something else under this engine's attention ({float(change):.2g} nats a token)")


@contextmanager
def _by_itself(model: Any) -> Iterator[None]:
    """The model under transformers' plainest attention."""
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(COMPUTING)
