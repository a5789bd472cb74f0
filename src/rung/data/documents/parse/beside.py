"""What an office file keeps beside its text: headers and footers, comments, text boxes, diagrams. Its reader passes over them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

# What holds a line of text, in any of the formats' names for it; the series of a chart holds values.
_LINES, _TEXTS = frozenset({"p", "text", "ser"}), frozenset({"t", "v", "text"})
# A formula that was never computed: its cell has no value. A text that is empty is one.
_BARE = re.compile(rb"<c\b(?![^>]*\bt=\"str\")[^>]*>\s*<f\b[^>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
_ERROR = re.compile(rb"<c\b[^>]*\bt=\"e\"")


def beside(data: bytes, parts: str) -> str:
    """The lines of the parts whose names match, each once. Raises what a broken archive raises, and lxml's XMLSyntaxError."""
    from lxml import etree

    parser: Any = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    lines: dict[str, None] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in sorted(set(archive.namelist())):
            if re.fullmatch(parts, name):
                lines.update((line, None) for line in _lines(etree.fromstring(archive.read(name), parser)))
    return "\n".join(lines)


def _lines(root: Any) -> Iterator[str]:
    for node in root.iter():
        if _local(node) in _LINES:
            inner = [part for part in node.iter() if _local(part) in _TEXTS]
            joint = " " if _local(node) == "ser" else ""
            line = " ".join(joint.join(part.text or "" for part in inner if not len(part)).split())
            if line:
                yield line


def _local(node: Any) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def uncomputed(data: bytes) -> tuple[str, ...]:
    """What is said of a workbook (XLSX) whose cells show less than their author meant."""
    bare = errors = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in set(archive.namelist()):
            if re.fullmatch(r"xl/worksheets/[^/]*\.xml", name):
                sheet = archive.read(name)
                bare += len(_BARE.findall(sheet))
                errors += len(_ERROR.findall(sheet))
    told = [f"{_cells(bare)} no value yet: open it in a spreadsheet program and save it, which computes them"] if bare else []
    return (*told, f"{errors} cell{'s' * (errors > 1)} with an error, read as empty") if errors else tuple(told)


def _cells(count: int) -> str:
    return "1 formula has" if count == 1 else f"{count} formulas have"
