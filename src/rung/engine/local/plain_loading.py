"""A base as its own code computes it, brought into memory whole or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from rung.engine.local.decoder import Head
from rung.engine.local.linears import Linears, check_linear, linear_modules, products_of
from rung.engine.local.modules import load_module
from rung.engine.local.plain import PlainDecoder, PlainShape
from rung.errors import UserError

# Where configurations say how many positions there are; without any, a model's states or its attention know no end.
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "context_length")
NO_END = 1 << 20
PROBE = 12
# How near the head's scores must be to the model's, over their spread.
SAME_SCORES, SAME_ROUNDED_SCORES = 1e-4, 2e-2


def load_plain(folder: Path, dtype: torch.dtype, device: torch.device) -> PlainDecoder:
    """Raises UserError for weights that do not fit, for a head whose scores are not what its configuration says, and for code of
    its own without leave."""
    module = load_module(folder, dtype).to(device)
    shape = _shape(folder, module)
    modules = linear_modules(module, shape.layers)
    if odd := [problem for path, (_, linear) in modules.items() if (problem := check_linear(path, linear))]:
        raise UserError(f"the model's module {odd[0]}", where=str(folder))
    decoder = PlainDecoder(shape, module, Head(weight=module.get_output_embeddings().weight), Linears(modules))
    return decoder.under_head(_head(folder, decoder))


def _shape(folder: Path, module: Any) -> PlainShape:
    config = module.config.get_text_config()
    layers = int(config.num_hidden_layers)
    return PlainShape(
        vocabulary=len(module.get_output_embeddings().weight),
        width=int(config.hidden_size),
        layers=layers,
        max_positions=next((int(found) for name in POSITIONS if (found := getattr(config, name, None))), NO_END),
        raw=json.loads((folder / "config.json").read_text("utf-8")),
        every=products_of(linear_modules(module, layers), layers),
        counted=sum(parameter.numel() for parameter in module.parameters()),
    )


@torch.inference_mode()
def _head(folder: Path, decoder: PlainDecoder) -> Head:
    """What the model makes of its head's products, found among what its configuration names, by trying."""
    output, config = decoder.module.get_output_embeddings(), decoder.module.config.get_text_config()
    ids = torch.arange(PROBE, device=decoder.device)[None] % decoder.config.vocabulary
    states = decoder.states(ids, None)[0, -1:]
    theirs = decoder.module(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0, -1:].float()
    near = SAME_SCORES if decoder.dtype == torch.float32 else SAME_ROUNDED_SCORES
    for scale, cap in _finishes(config):
        head = Head(weight=output.weight, bias=getattr(output, "bias", None), scale=scale, cap=cap)
        if (head.scores(states) - theirs).abs().max() <= near * float(theirs.std()):
            return head
    raise UserError("the model's scores are not what its head's products give", where=str(folder / "config.json"))


def _finishes(config: Any) -> list[tuple[float, float]]:
    """(scale, cap) that the configuration may mean, none last."""
    caps = [float(found) for name in ("final_logit_softcapping", "logits_soft_cap") if (found := getattr(config, name, None))]
    scales = [float(found) for name in ("logit_scale", "lm_head_multiplier") if (found := getattr(config, name, None))]
    scales += [1 / float(found) for name in ("logits_scaling",) if (found := getattr(config, name, None))]
    return [(scale, cap) for cap in (*caps, 0.0) for scale in (*scales, 1.0)]
