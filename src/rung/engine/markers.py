"""Words and tokens by which templates tell who speaks, where they stand in a text: what somebody quotes opens no turn of its own.

A base in this process reads control tokens in a text as text: they are fenced from here to `engine.encoding`. A server renders by
itself, and many take such words in a text for the tokens; and some templates write who speaks in plain words. Those are broken:
what a person reads stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.engine.encoding import CLOSE, OPEN

# `<|im_start|>`, `<|start_header_id|>`, DeepSeek's with wide bars; Llama's and Mistral's brackets; Gemma's, Qwen's, Hermes' tags.
_MARKER = re.compile(
    r"<[|\uff5c][^<>|\uff5c\n]{1,40}[|\uff5c]>"
    r"|<\|/?[a-z_]{2,30}>|<[a-z_]{2,30}\|>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT)\]"
    r"|<</?SYS>>"
    r"|</?(?:start|end)_of_turn>"
    r"|</?tool_(?:call|calls|response|responses|result|results)>",
    re.IGNORECASE,
)
_INSTEAD = {"<": "\u2039", "[": "\uff3b"}
# Brackets and headings that tell who speaks: no words that a text would hold by itself.
_ROLE_WORDS = re.compile(r"\[/?[A-Z_]{3,20}\]|<</?[A-Z]{2,12}>>|^#{2,4} ?[A-Z][A-Za-z ]{2,20}:$|<\|?/?[a-z_]{3,20}\|?>")


def defused(text: str) -> str:
    """The text without any template's words for who speaks: the first sign of each is one that looks alike."""
    return _MARKER.sub(lambda found: _INSTEAD[found[0][0]] + found[0][1:], text)


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a template tells structure by.

    control    tokens that the tokenizer keeps for it
    structure  these, and further tokens of the vocabulary that the template writes (`<tool_response>`)
    spoken     plain words that it tells who speaks by ([INST], ### Instruction:)
    """

    control: re.Pattern[str]
    structure: re.Pattern[str]
    spoken: re.Pattern[str]

    @classmethod
    def of(cls, tokenizer: Any, gaps: Sequence[str]) -> Marks:
        """`gaps`: what the template writes between what is said."""
        named, added = tokenizer.chat_template, tokenizer.added_tokens_decoder.values()
        source = "\n".join(named.values()) if isinstance(named, dict) else str(named)
        control = [token.content for token in added if token.special]
        own = [token.content for token in added if not token.special and token.content.strip() and token.content in source]
        structure = any_of([*control, *own])
        lines = [line.strip() for gap in gaps for line in structure.sub("\n", gap).splitlines()]
        spoken = dict.fromkeys(found[0] for line in lines for found in _ROLE_WORDS.finditer(line))
        return cls(control=any_of(control), structure=structure, spoken=any_of(list(spoken)))

    def said(self, role: str, text: str) -> str:
        """What somebody says, as text and nothing else. What the model said may hold marks of its own (thoughts, calls); the system
        turn is its author's."""
        if role == "assistant":
            return self.fenced(text)
        broken = text if role == "system" else self.spoken.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
        return _fenced(self.structure, broken)

    def fenced(self, text: str) -> str:
        """With its control tokens to be read as text."""
        return _fenced(self.control, text)

    def fenced_all(self, value: Any) -> Any:
        """A JSON value whose texts are others' words."""
        if isinstance(value, str):
            return _fenced(self.structure, value)
        if isinstance(value, Mapping):
            return {key: self.fenced_all(item) for key, item in value.items()}
        return [self.fenced_all(item) for item in value] if isinstance(value, (list, tuple)) else value


def any_of(words: Sequence[str]) -> re.Pattern[str]:
    """Matches any of the words, the longest first; nothing where there are none."""
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))) or "(?!)")


def _fenced(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(rf"{OPEN}\g<0>{CLOSE}", text.replace(OPEN, "").replace(CLOSE, ""))
