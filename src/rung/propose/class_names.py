"""What numbers stand for, where a file beside the data says it: the names of classes that data sets carry along.

README.md and dataset_info.json as the Hugging Face hub has them, the features in a Parquet file, `id2label` of a model's
config.json, and lists such as classes.txt with a name a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rung.data.inferred import Inference
from rung.data.value_names import with_names
from rung.propose.columns import words
from rung.propose.columns.words import Name
from rung.types import Example

LARGEST_BYTES = 1 << 20
MOST_NAMES = 1000
LISTS = ("classes.txt", "labels.txt", "class_names.txt", "label_names.txt", "classnames.txt")
MAPS = ("id2label.json", "label_map.json", "labels.json", "label_names.json", "config.json")
_NUMBER = re.compile(r"-?\d{1,6}(\.0+)?")


MOST_STEPS = 11  # of a scale such as 0 to 10


@dataclass(frozen=True, kw_only=True)
class ClassNames:
    """The examples with their classes under the names that were found, `data.names` for them, and what is to be told."""

    examples: tuple[Example, ...]
    names: Mapping[str, str]
    inferences: tuple[Inference, ...] = ()


def name_classes(examples: Sequence[Example], classes: Mapping[str, int], column: str, path: Path) -> ClassNames:
    """Names for classes that are only numbers, from what a file beside the data says; where none does, that is told.

    column  what the target is called
    """
    if not are_numbers(classes):
        return ClassNames(examples=tuple(examples), names={})
    names, where = names_beside(path, column, classes)
    if names:
        told = Inference(about="names", taken=_written(names), because=f"{where} beside the data says so", change="data.names")
        return ClassNames(examples=with_names(examples, names), names=names, inferences=(told,))
    return ClassNames(examples=tuple(examples), names={}, inferences=(_unnamed(classes, column),))


def place_for_names(classes: Mapping[str, int]) -> str:
    """The line of a task file where the names are to be filled in."""
    shown = sorted(classes, key=float)
    return f"names: {{{', '.join(f'{value}: ...' for value in shown)}}}"


def _unnamed(classes: Mapping[str, int], column: str) -> Inference:
    """That nobody says what the numbers are."""
    shown = sorted(classes, key=float)
    numbers = f"{', '.join(shown[:-1])} and {shown[-1]}"
    steps = [float(value) for value in shown]
    ordered = 3 <= len(steps) <= MOST_STEPS and all(after - before == 1 for before, after in pairwise(steps))
    scale = ordered and (bool(Name(column).known & words.RATED) or len(steps) > 3)
    instead = (
        f" They may be a scale from {shown[0]} to {shown[-1]}, where a near answer is nearly right: --scorer numeric then, with"
        " absolute: 1."
    )
    return Inference(
        about="names",
        taken="the classes are only numbers",
        because=f"nothing says what {numbers} stand for, and a model cannot know.{instead if scale else ''}",
        change=f"data.{place_for_names(classes)}",
    )


def _written(names: Mapping[str, str]) -> str:
    return ", ".join(f"{value} is {name}" for value, name in names.items())


def are_numbers(values: Mapping[str, int]) -> bool:
    """Whether classes are called by whole numbers alone."""
    return bool(values) and all(_NUMBER.fullmatch(value) for value in values)


def names_beside(path: Path, target: str, values: Mapping[str, int]) -> tuple[dict[str, str], str]:
    """What the values of the target stand for, and where that was found; nothing where no file beside it says so of all values."""
    for where, names in _told(path, target):
        found = {value: name for value in values if (name := names.get(str(int(float(value))))) is not None}
        if len(found) == len(values) and len(set(found.values())) == len(found):
            return dict(sorted(found.items(), key=lambda item: float(item[0]))), where
    return {}, ""


def _told(path: Path, target: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Number -> name, from each file that tells some."""
    if path.suffix.casefold() in (".parquet", ".pq"):
        yield from ((path.name, names) for names in _in_features(_quietly(_parquet_features, path), target))
    for folder in (path.parent, path.parent.parent):
        for file in ("dataset_info.json", "dataset_infos.json"):
            yield from ((file, names) for names in _in_features(_quietly(_json, folder / file), target))
        yield from (("README.md", names) for names in _in_features(_quietly(_front_matter, folder / "README.md"), target))
    for file in MAPS:
        yield from ((file, names) for names in _in_map(_quietly(_json, path.parent / file)))
    for file in LISTS:
        lines = _quietly(_lines, path.parent / file) or []
        # A list of names says nothing of where it begins to count.
        yield from ((file, {str(at + first): name for at, name in enumerate(lines)}) for first in (0, 1) if lines)


def _quietly(read: Callable[[Path], Any], path: Path) -> Any:
    """What a file says; None where it is not there or says nothing: the names are a help, no part of the data."""
    try:
        if not path.is_file() or (path.suffix != ".parquet" and path.stat().st_size > LARGEST_BYTES):
            return None
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _lines(path: Path) -> list[str]:
    lines = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    return lines if len(lines) <= MOST_NAMES else []


def _front_matter(path: Path) -> Any:
    import yaml

    text = path.read_text("utf-8", errors="replace")
    parts = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", text, re.DOTALL)
    try:
        return yaml.safe_load(parts[1]) if parts else None
    except yaml.YAMLError:
        return None


def _parquet_features(path: Path) -> Any:
    import pyarrow.parquet

    metadata = pyarrow.parquet.read_schema(path).metadata or {}
    return json.loads(metadata.get(b"huggingface", b"null"))


def _in_features(document: Any, target: str) -> Iterator[dict[str, str]]:
    """Every list of names under a feature of the target's name, however deep; 151 of several configurations are several."""
    if isinstance(document, list):
        for item in document:
            yield from _in_features(item, target)
    if not isinstance(document, Mapping):
        return
    if document.get("name") == target:
        yield from _of_feature(document.get("dtype"))
        yield from _of_feature(document)
    for key, part in document.items():
        if key == target:
            yield from _of_feature(part)
        yield from _in_features(part, target)


def _of_feature(feature: Any) -> Iterator[dict[str, str]]:
    if not isinstance(feature, Mapping):
        return
    label = feature.get("class_label")
    names = label.get("names") if isinstance(label, Mapping) else feature.get("names")
    if isinstance(names, list):
        yield {str(at): str(name) for at, name in enumerate(names)}
    if isinstance(names, Mapping):
        yield {str(key): str(name) for key, name in names.items()}


def _in_map(document: Any) -> Iterator[dict[str, str]]:
    """`id2label`, or a mapping of number to name, or of name to number; or a list of names."""
    found = document.get("id2label", document) if isinstance(document, Mapping) else document
    if isinstance(found, list) and all(isinstance(name, str) for name in found):
        yield {str(at): name for at, name in enumerate(found)}
    if isinstance(found, Mapping) and found and len(found) <= MOST_NAMES:
        if all(_NUMBER.fullmatch(str(key)) and isinstance(name, str) for key, name in found.items()):
            yield {str(int(float(key))): name for key, name in found.items()}
        elif all(isinstance(number, int) and not isinstance(number, bool) for number in found.values()):
            yield {str(number): str(name) for name, number in found.items()}
