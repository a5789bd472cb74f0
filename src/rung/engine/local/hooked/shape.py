"""The shape of a base that transformers' modelling code computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.engine.bases.checkpoint import read_json
from rung.engine.local.attention import PLAIN_SCORES_AT_MOST
from rung.engine.local.hooked.interface import NotHooked
from rung.engine.local.hooked.look import Look, configuration, look_at
from rung.engine.local.shape import Ends, KeyValueSizes, Module, Shape

# Rotary kinds whose angles follow how long a conversation is, once it is longer than the base was first trained for: what was
# computed for its beginning would not hold any more. Within that length they are like any other.
_BY_LENGTH = ("dynamic", "longrope")


@dataclass(frozen=True, kw_only=True)
class HookedShape(Shape):
    """`look` is what its modelling code does."""

    look: Look

    @classmethod
    def read(cls, folder: Path) -> HookedShape:
        """Raises NotHooked."""
        config = configuration(folder)
        look, text = look_at(folder), config.get_text_config()
        longest, note = _context(text)
        return cls(
            vocabulary=look.vocabulary,
            width=text.hidden_size,
            layers=len(look.layers),
            max_positions=longest,
            context_note=note,
            raw=read_json(folder / "config.json"),
            look=look,
        )

    @property
    def keys_values(self) -> tuple[KeyValueSizes, ...]:
        return self.look.attentions

    @property
    def products(self) -> tuple[Mapping[str, tuple[Module, ...]], ...]:
        return self.look.products

    @property
    def ends(self) -> Ends:
        return self.look.ends

    @property
    def parameters(self) -> int:
        return self.look.parameters

    def kept_bytes(self, item: int, seen: int) -> int:
        """What the modelling code's own steps keep was counted; attention keeps queries scaled and in parts, keys and values, and
        its weights (float32, and rounded) unless rows are so long that the fused kernel never writes them."""
        written = seen if seen * seen <= PLAIN_SCORES_AT_MOST else 1
        weights = sum(self.look.heads) * written * (4 + (item if item < 4 else 0))
        numbers = self.look.kept_numbers + 3 * sum(self.look.query_widths) + 2 * sum(sizes.numbers for sizes in self.keys_values)
        return item * numbers + weights


def why_not_hooked(folder: Path) -> str:
    """Why a base cannot be computed this way; empty where it can. Reads its configuration, not its weights."""
    try:
        HookedShape.read(folder)
    except NotHooked as reason:
        return reason.problem
    return ""


def _context(text: Any) -> tuple[int, str]:
    """Tokens that a conversation may have, and why it may not have more."""
    longest = getattr(text, "max_position_embeddings", None)
    if not isinstance(longest, int) or longest < 1:
        raise NotHooked("does not say how long a conversation it reads (max_position_embeddings)")
    for rope in _rotary(getattr(text, "rope_parameters", None)):
        kind = rope.get("rope_type")
        if kind in _BY_LENGTH:
            first = (
                rope.get("original_max_position_embeddings") or getattr(text, "original_max_position_embeddings", None) or longest
            )
            if first < longest:
                return first, f"its rotary positions of the kind '{kind}' are computed up to {first:,} tokens, of {longest:,}"
    return longest, ""


def _rotary(settings: Any) -> Iterator[Mapping[str, Any]]:
    """A base's rotary settings, or those of each of its kinds of layers."""
    if isinstance(settings, Mapping):
        if "rope_type" in settings:
            yield settings
        else:
            yield from (part for part in settings.values() if isinstance(part, Mapping))
