"""How large something may be that comes from outside."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limits:
    """files   in a folder, those beside it that are left out included
    text       bytes of a prompt or a Modelfile
    json       bytes of a settings file or a tokenizer
    tensors    bytes of a file of tensors
    header     bytes of its header; and how many tensors it may name
    rank       of an adapter's update, in any module
    """

    files: int = 1000
    text: int = 1 * MB
    json: int = 200 * MB
    tensors: int = 32_000 * MB
    header: int = 32 * MB
    entries: int = 100_000
    rank: int = 1024


STANDARD = Limits()


def size(count: int) -> str:
    """`1.5 MB`, `900 bytes`."""
    return f"{count / MB:,.1f} MB" if count >= MB else f"{count:,} bytes"
