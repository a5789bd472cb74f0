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
            ids += _as_text(tokenizer, piece) if index % 2 else tokenizer.encode(piece, add_special_tokens=False, verbose=False)
    return ids


def _as_text(tokenizer: Any, token: str) -> list[int]:
    """A token's own text. One that the tokenizer does not call special is read whole whatever is asked: it is read in two parts."""
    found = list(tokenizer.encode(token, add_special_tokens=False, split_special_tokens=True, verbose=False))
    if tokenizer.convert_tokens_to_ids(token) not in found:
        return found
    parts = (token[:1], token[1:])
    return [
        one for part in parts for one in tokenizer.encode(part, add_special_tokens=False, split_special_tokens=True, verbose=False)
    ]


def encode_all(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """encode() of each; a tokenizer that is fast reads them on all processors at once."""
    plain = list(dict.fromkeys(text for text in texts if OPEN not in text))
    found = tokenizer(plain, add_special_tokens=False, verbose=False)["input_ids"] if len(plain) > 1 else []
    known = dict(zip(plain, found, strict=True)) if found else {}
    return [list(known[text]) if text in known else encode(tokenizer, text) for text in texts]
