"""Whether a folder will load and answer, as far as its files say before its weights are read, and what of it is unexpected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung.engine.bases.checkpoint import checkpoint, differ, left_alone, read_json
from rung.engine.chat import chat_template, opening, prompt_tokens
from rung.engine.clock import DATE_STRING
from rung.engine.local.architecture import DecoderConfig, NotComputed
from rung.engine.local.tokenizer import end_tokens, load_tokenizer, refuse_strangers
from rung.engine.local.weights import refuse_misfits
from rung.engine.local.words import thought_opened_by

_EMBEDDINGS = ("model.embed_tokens.weight", "transformer.wte.weight", "gpt_neox.embed_in.weight")

# What makers may ask of every answer beside how it is drawn, and the values that ask for nothing.
_ASKED_OF_ANSWERS: Mapping[str, tuple[Any, ...]] = {
    "repetition_penalty": (1, None),
    "no_repeat_ngram_size": (0, None),
    "min_length": (0, None),
    "min_new_tokens": (0, None),
    "exponential_decay_length_penalty": (None,),
    "suppress_tokens": ([], None),
    "begin_suppress_tokens": ([], None),
    "bad_words_ids": ([], None),
    "sequence_bias": ({}, [], None),
    "stop_strings": ("", [], None),
    "guidance_scale": (1, None),
}


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
    if asked := _not_used(folder):
        said.append(
            f"Of the base's generation_config.json is not used: {', '.join(asked)}. An answer is what the model itself says."
        )
    return said


def _not_used(folder: Path) -> list[str]:
    """What the model's makers ask of every answer, and nothing here does: measured and served are one."""
    file = folder / "generation_config.json"
    settings = read_json(file) if file.is_file() else {}
    return [f"{key} {settings[key]}" for key, idle in _ASKED_OF_ANSWERS.items() if key in settings and settings[key] not in idle]
