"""Tokens that a model made as the text of its answer, with the marks of its thoughts."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from functools import lru_cache
from typing import Any

from rung.reply import CHANNEL, CHANNEL_MARKS, closes_thought, is_thought_mark, opened_thought

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
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
    return _decoded(tokenizer, words)


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def thought_opened_by(tokenizer: Any, prompt: Sequence[int]) -> str:
    """The mark with which a prompt opens a thought for the model, and the white space behind it; empty where it opens none."""
    return opened_thought(_decoded(tokenizer, prompt[-TAIL:]))


def with_opening(opening: str, text: str) -> str:
    """What was cut off. Where that happened within the thought that the prompt had opened, no mark of it was written: it is put
    there."""
    return text if not opening or closes_thought(text) else opening + text


class Words:
    """The text of tokens as they come, as `text_of_tokens` has it of all of them: whole characters, nothing of it taken back."""

    def __init__(self, tokenizer: Any, ends: Set[int]) -> None:
        self._tokenizer, self._ends = tokenizer, ends
        self._marks, self._dropped = _special_tokens(tokenizer)
        self._ids: list[int] = []
        # Words from `_from` on are decoded to find what those from `_to` on say: how a token reads depends on the one before it.
        self._words: list[int] = []
        self._from = self._to = 0
        self._text, self._in_channels, self._unsure = "", False, False

    def speaks(self, token: int) -> bool:
        """Whether it can be a part of the text."""
        return token not in self._ends and token not in self._dropped

    def add(self, token: int) -> str:
        """What is certain now and was not before."""
        self._ids.append(token)
        if not self.speaks(token) or self._unsure:
            return ""
        mark = self._marks.get(token)
        if mark in CHANNEL_MARKS and not self._in_channels:
            if mark != CHANNEL:
                # Whether it counts as text is known when channels begin, or when all is said.
                self._unsure = True
                return ""
            self._in_channels = True
        self._words.append(token)
        before = _decoded(self._tokenizer, self._words[self._from : self._to])
        now = _decoded(self._tokenizer, self._words[self._from :])
        # An unfinished character reads as a replacement character.
        if len(now) <= len(before) or now.endswith("\ufffd"):
            return ""
        self._from, self._to = self._to, len(self._words)
        self._text += now[len(before) :]
        return now[len(before) :]

    def rest(self) -> str:
        """What is left when nothing more comes."""
        whole = text_of_tokens(self._tokenizer, self._ids, self._ends)
        if whole.startswith(self._text):
            return whole[len(self._text) :]
        # A tokenizer whose words read otherwise in company: what was told stays as it was.
        before = _decoded(self._tokenizer, self._words[self._from : self._to])
        return _decoded(self._tokenizer, self._words[self._from :])[len(before) :]


def bytes_of_token(tokenizer: Any, token: int) -> bytes:
    """What a token writes: of a character that takes several tokens, its part."""
    written = tokenizer.convert_ids_to_tokens(token)
    if written is None:
        return b""
    if token in tokenizer.added_tokens_decoder:
        return str(written).encode()
    table = _byte_table(tokenizer)
    if table is not None and all(char in table for char in written):
        return bytes(table[char] for char in written)
    if found := _BYTE.fullmatch(written):
        return bytes([int(found[1], 16)])
    return str(written).replace("\u2581", " ").encode("utf-8", "replace")


@lru_cache(maxsize=16)
def _byte_table(tokenizer: Any) -> dict[str, int] | None:
    """What stands for each byte in the tokens of a byte-level vocabulary; None for another kind (Radford et al., GPT-2, 2019)."""
    core = getattr(tokenizer, "backend_tokenizer", None)
    if core is None or "ByteLevel" not in str(core.decoder):
        return None
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + place): byte for place, byte in enumerate(others)}


@lru_cache(maxsize=16)
def _special_tokens(tokenizer: Any) -> tuple[dict[int, str], frozenset[int]]:
    """(special tokens that are marks of thoughts, the ids of the others)."""
    special = {index: token.content for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    special |= dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
    marks = {index: text for index, text in special.items() if is_thought_mark(text)}
    return marks, frozenset(special.keys() - marks.keys())
