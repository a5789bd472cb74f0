"""A base as its own code computes it, brought into memory whole or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from rung.engine.bases.checkpoint import read_json
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
    """Raises UserError for weights that do not fit, for code that fails or reads what follows, for a head whose scores are not what
    its configuration says, and for code of its own without leave."""
    module = load_module(folder, dtype).to(device)
    try:
        return _tried(folder, module)
    except UserError:
        raise
    except Exception as error:  # code of any kind: what it cannot do shows only when it is run
        told = " ".join(str(error).split())[:200]
        hint = "Name another base; or serve this one elsewhere and name its OpenAI-compatible address."
        raise UserError(f"the model's own code fails on a few tokens: {told}", where=str(folder), hint=hint) from error


def _tried(folder: Path, module: Any) -> PlainDecoder:
    shape = _shape(folder, module)
    modules = linear_modules(module, shape.layers)
    if odd := [problem for path, (_, linear) in modules.items() if (problem := check_linear(path, linear))]:
        raise UserError(f"the model's module {odd[0]}", where=str(folder))
    decoder = PlainDecoder(shape, module, Head(weight=module.get_output_embeddings().weight), Linears(modules))
    if not _is_causal(decoder):
        hint = "Name a causal language model, whose class ends in ForCausalLM."
        raise UserError("the model reads what follows a token: it is no causal decoder", where=str(folder), hint=hint)
    found = decoder.under_head(_head(folder, decoder))
    _ = found.pads  # code that cannot generate is told now, not at the first question
    return found


def _shape(folder: Path, module: Any) -> PlainShape:
    config = module.config.get_text_config()
    layers = int(config.num_hidden_layers)
    return PlainShape(
        vocabulary=len(module.get_output_embeddings().weight),
        width=int(config.hidden_size),
        layers=layers,
        max_positions=next(
            (found for name in POSITIONS if isinstance(found := getattr(config, name, 0), int) and found > 0), NO_END
        ),
        raw=read_json(folder / "config.json"),
        every=products_of(linear_modules(module, layers), layers),
        counted=sum(parameter.numel() for parameter in module.parameters()),
    )


@torch.inference_mode()
def _is_causal(decoder: PlainDecoder) -> bool:
    """Whether its first tokens stay what they are, whatever comes behind them."""
    ids = torch.arange(PROBE, device=decoder.device) % decoder.config.vocabulary
    first, other = (
        decoder.states(row[None], None)[0, : PROBE // 2].float() for row in (ids, torch.cat((ids[: PROBE // 2], ids[: PROBE // 2])))
    )
    near = SAME_SCORES if decoder.dtype == torch.float32 else SAME_ROUNDED_SCORES
    return bool((first - other).abs().max() <= near * float(first.std()))


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
