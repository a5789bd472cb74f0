"""skops files with the same bytes for the same object: what names, moments and places in memory put into them is taken out."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from rung.errors import UserError

_SCHEMA, _FIRST = "schema.json", (1980, 1, 1, 0, 0, 0)


def dump(thing: Any, file: Path) -> None:
    """Writes an object of scikit-learn's. It names what it holds by where that lay in memory; here by its turn."""
    from skops.io import dumps

    with zipfile.ZipFile(io.BytesIO(dumps(thing))) as made:
        schema = json.loads(made.read(_SCHEMA))
        names: dict[str, str] = {}
        _number(schema, {}, names)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as kept:
            for old, new in names.items():
                _put(kept, new, made.read(old))
            _put(kept, _SCHEMA, json.dumps(schema, separators=(",", ":")).encode("ascii"))


def load(file: Path) -> Any:
    """The object again, by skops, which builds nothing of a type that it does not trust by itself. Raises UserError where it would
    have to."""
    from skops.io import get_untrusted_types
    from skops.io import load as skops_load

    if untrusted := get_untrusted_types(file=file):
        raise UserError(f"skops does not trust {', '.join(sorted(untrusted))}", where=str(file))
    return skops_load(file, trusted=[])


def _number(node: Any, known: dict[int, int], names: dict[str, str]) -> None:
    """Gives every object's identity, and every file, a number in the order in which the schema comes to it."""
    if isinstance(node, list):
        for part in node:
            _number(part, known, names)
    elif isinstance(node, dict):
        if isinstance(identity := node.get("__id__"), int):
            node["__id__"] = known.setdefault(identity, len(known) + 1)
        if isinstance(name := node.get("file"), str):
            suffix = name.rpartition(".")[2]
            node["file"] = names.setdefault(name, f"{len(names) + 1}.{suffix}")
        for part in node.values():
            _number(part, known, names)


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _FIRST), data, zipfile.ZIP_DEFLATED)
