"""A model in one GGUF file, or in several: name-00001-of-00003.gguf, of which any may be named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rung.engine.bases.gguf.header import Gguf, read_header

_NUMBERED = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?:\.gguf)?$")


def part_names(name: str) -> tuple[str, ...]:
    """The names of all parts of the file of this name; the name alone where it is no part."""
    found = _NUMBERED.match(name)
    if not found:
        return (name,)
    count = int(found["count"])
    return tuple(f"{found['stem']}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1))


def part_files(path: Path) -> tuple[Path, ...]:
    """All files of the model that `path` is, or is a part of, in order; they may be missing."""
    return tuple(path.with_name(name) for name in part_names(path.name))


def stem(name: str) -> str:
    """What the model is called: the file's name without its number and suffix, which may lack already."""
    found = _NUMBERED.match(name)
    return found["stem"] if found else name.removesuffix(".gguf")


def read_parts(path: Path) -> Gguf:
    """The header of the whole model. Raises UserError where a part is missing, or belongs to another model."""
    files = part_files(path)
    missing = [file.name for file in files if not file.is_file()]
    named = Gguf(path=path, metadata={}, tensors={})
    if missing:
        told = f"of the {len(files)} parts of this model are missing: {_listed(missing)}"
        raise named.refusal(told, f"Put them beside {path.name}, under these names.")
    parts = [read_header(file) for file in files]
    first = parts[0]
    for number, part in enumerate(parts):
        _check_number(part, number, len(parts))
    announced = first.metadata.get("split.tensors.count")
    tensors = {name: stored for part in parts for name, stored in part.tensors.items()}
    together = sum(len(part.tensors) for part in parts)
    if len(tensors) != together:
        raise named.refusal("a tensor stands in two of the parts", "Copy or download all parts again, from one place.")
    if announced is not None and announced != together:
        told = f"the parts hold {together} tensors, and the first one announces {announced}"
        raise named.refusal(told, "Copy or download all parts again, from one place.", key="split.tensors.count")
    return replace(first, path=path, tensors=tensors)


def _check_number(part: Gguf, number: int, count: int) -> None:
    says, of = part.metadata.get("split.no", 0), part.metadata.get("split.count", 1)
    if (says, of) == (number, count) or (count == 1 and of in (0, 1)):
        return
    told = f"the file says that it is part {says + 1} of {of}, and its name says {number + 1} of {count}"
    raise part.refusal(told, "Give every part the name that it was published under.", key="split.no")


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
