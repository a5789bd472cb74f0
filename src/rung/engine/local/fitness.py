"""Whether a folder will load and answer, as far as its files say before its weights are read."""

from __future__ import annotations

from pathlib import Path

from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.tokenizer import end_tokens, load_tokenizer, refuse_strangers
from rung.engine.local.weights import refuse_misfits


def refuse_unfit_base(folder: Path) -> None:
    """Raises UserError for a tokenizer that cannot be read, or that weights and configuration do not belong to; and where these two
    are not of one model. What transformers' own code computes is compared when it is loaded.
    """
    tokenizer = load_tokenizer(folder)
    end_tokens(tokenizer, folder)
    try:
        config = DecoderConfig.read(folder)
    except NotComputed:
        return
    refuse_misfits(folder, config)
    refuse_strangers(tokenizer, config.vocabulary, folder)
