"""Whether a folder will load and answer, as far as its files say before its weights are read, and what of it is unexpected."""

from __future__ import annotations

from pathlib import Path

from rung.engine.bases.checkpoint import checkpoint, differ, left_alone, read_json
from rung.engine.chat import chat_template, opening, prompt_tokens
from rung.engine.clock import DATE_STRING
from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.tokenizer import end_tokens, load_tokenizer, refuse_strangers
from rung.engine.local.weights import refuse_misfits
from rung.engine.local.words import thought_opened_by

_EMBEDDINGS = ("model.embed_tokens.weight", "transformer.wte.weight", "gpt_neox.embed_in.weight")


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


def remarks(folder: Path) -> list[str]:
    """What is done with a base that its owner may not expect, a sentence each."""
    tokenizer, found = load_tokenizer(folder), checkpoint(folder)
    said = []
    if chat_template(tokenizer).prints_date:
        said.append(f"The base's chat template prints the date: here it is always {DATE_STRING}.")
    if opening(tokenizer).strip() and thought_opened_by(tokenizer, prompt_tokens(tokenizer, [{"role": "user", "content": "?"}])):
        said.append("The base's chat template opens a thought: what is held to a form, or trained, answers behind its end.")
    if found and (ignored := left_alone(folder, found)):
        said.append(f"Not of the model, and left alone: {', '.join(ignored)} (its weights are {found.entry.name}).")
    tied = read_json(folder / "config.json").get("tie_word_embeddings") is True
    if tied and any(differ(folder, "lm_head.weight", name) for name in _EMBEDDINGS):
        said.append("The base's head is stored and is not its embedding: it is used, though tie_word_embeddings says otherwise.")
    return said
