"""Tokens that a model made as the text of its answer, with the marks of its thoughts."""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import lru_cache
from typing import Any

from rung.reply import CHANNEL, CHANNEL_MARKS, is_thought_mark, opened_thought

TAIL = 32  # tokens at a prompt's end that hold a thought which the template opens


def text_of_tokens(tokenizer: Any, ids: Sequence[int], ends: Set[int]) -> str:
    """The text of tokens, without those that end an answer.

    Special tokens are no text, but for those that mark a thought: without them a draft would pass for the answer.
    """
    marks, dropped = _special_tokens(tokenizer)
    in_channels = any(marks.get(token) == CHANNEL for token in ids)
    words = [
        token
        for token in ids
        if token not in ends and token not in dropped and (in_channels or marks.get(token) not in CHANNEL_MARKS)
    ]
    return str(tokenizer.decode(words, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def thought_opened_by(tokenizer: Any, prompt: Sequence[int]) -> str:
    """The mark with which a prompt opens a thought for the model, and the white space behind it; empty where it opens none."""
    return opened_thought(tokenizer.decode(list(prompt[-TAIL:]), skip_special_tokens=False, clean_up_tokenization_spaces=False))


@lru_cache(maxsize=16)
def _special_tokens(tokenizer: Any) -> tuple[dict[int, str], frozenset[int]]:
    """(special tokens that are marks of thoughts, the ids of the others)."""
    special = {index: token.content for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    special |= dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    marks = {index: text for index, text in special.items() if is_thought_mark(text)}
    return marks, frozenset(special.keys() - marks.keys())
