"""Rendered text to token ids. No special token is added: the template wrote them all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

# Private-use characters: they fence a control token that was found in somebody's text, from `chat.render` to here.
OPEN, CLOSE = "\ue0f0", "\ue0f1"
_FENCED = re.compile(f"{OPEN}(.*?){CLOSE}", re.DOTALL)


def encode(tokenizer: Any, text: str) -> list[int]:
    """Token ids of rendered text. Fenced control tokens are read as plain text."""
    if OPEN not in text:
        return list(tokenizer.encode(text, add_special_tokens=False, verbose=False))
    ids: list[int] = []
    for index, piece in enumerate(_FENCED.split(text)):
        if piece:
            ids += tokenizer.encode(piece, add_special_tokens=False, split_special_tokens=index % 2 == 1, verbose=False)
    return ids


def encode_all(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """encode() of each; a tokenizer that is fast reads them on all processors at once."""
    plain = list(dict.fromkeys(text for text in texts if OPEN not in text))
    found = tokenizer(plain, add_special_tokens=False, verbose=False)["input_ids"] if len(plain) > 1 else []
    known = dict(zip(plain, found, strict=True)) if found else {}
    return [list(known[text]) if text in known else encode(tokenizer, text) for text in texts]
