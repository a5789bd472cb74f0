"""The two files of an adapter in PEFT's format, read without trust: every fault is told with its file and a way out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from rung.errors import UserError

SETTINGS_FILE, TENSORS_FILE = "adapter_config.json", "adapter_model.safetensors"
# Written around a module's own path: by PEFT's models (twice, where one was put on another), torch.compile, FSDP and DeepSpeed.
_AROUND = re.compile(r"^(?:(?:base_model\.model|module|_orig_mod|_fsdp_wrapped_module)\.)+")
_WITHIN = re.compile(r"(?<=\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_WHOLE = re.compile(
    r"^(?P<path>.*?)(?P<mark>\.modules_to_save(?:\.(?!weight$|bias$)[^.]+)?|\.original_module|\.base_layer)?\.(?P<last>weight|bias)$"
)
_TOKENS = re.compile(
    r"^(?P<path>.*)\.token_adapter\.(?P<part>trainable_tokens_delta|trainable_tokens_original)(?:\.(?P<name>[^.]+))?$"
)
_STORED_FLOATS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
# Bytes that tensors must begin at a multiple of, whatever their numbers, to be cut out of a map of their file.
_ALIGNED = 8
FLOATS = tuple(_STORED_FLOATS.values())
_TEXT_PARTS = "language_model", "text_model"


class Key(NamedTuple):
    """What a stored tensor is: the module's path in the model, the adapter's part of it (or "weight", "bias" in place of the
    module's own, "base" for its own copy beside an adapter), and whether it is that part's bias."""

    path: str
    part: str
    bias: bool = False


@dataclass(frozen=True, kw_only=True)
class PeftFiles:
    """`tensors` are float32, by what they are. `stored` gives each its name in the file, for what is told of it;
    `written` the paths of the file's own model, by the base's."""

    folder: Path
    settings: Mapping[str, Any]
    tensors: Mapping[Key, Tensor]
    stored: Mapping[Key, str]
    written: Mapping[str, str]

    @cached_property
    def where(self) -> str:
        return str(self.folder / SETTINGS_FILE)

    @cached_property
    def tensors_where(self) -> str:
        return str(self.folder / TENSORS_FILE)

    def paths(self, *parts: str) -> tuple[str, ...]:
        """Of the modules that have one of these parts."""
        return tuple(dict.fromkeys(key.path for key in self.tensors if key.part in parts))

    def called(self, path: str) -> str:
        """A module's path in the model that the adapter was trained on, which its patterns are written for."""
        return self.written.get(path, path)

    def refuse(self, keys: Iterable[Key], problem: str, hint: str) -> UserError:
        """`problem` of the first of these tensors, by the names that they have in the file."""
        names = sorted(self.stored[key] for key in keys)
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return UserError(f"{problem}: {', '.join(names[:3])}{more}", where=self.tensors_where, hint=hint)


def read_files(folder: Path, paths: Iterable[str], parts: Iterable[str], device: torch.device) -> PeftFiles:
    """What the folder holds, for a base with modules at `paths`; `parts` are what the kind adds to one. Raises UserError."""
    settings = read_settings(folder)
    tensors: dict[Key, Tensor] = {}
    stored: dict[Key, str] = {}
    known = _Paths(paths, parts)
    for name, tensor in _read_tensors(folder):
        key = known.key(name)
        if key.part == "original":
            continue
        if key in tensors:
            said = f"two tensors are the same part of one module: {stored[key]}, {name}"
            raise UserError(
                said,
                where=str(folder / TENSORS_FILE),
                hint="Save one adapter alone: save_pretrained(folder, selected_adapters=[...]).",
            )
        tensors[key], stored[key] = tensor.to(device), name
    return PeftFiles(folder=folder, settings=settings, tensors=tensors, stored=stored, written=known.written)


def read_settings(folder: Path) -> dict[str, Any]:
    """`adapter_config.json`. Raises UserError where it is not there, or no JSON object."""
    path = folder / SETTINGS_FILE
    if not path.is_file():
        raise UserError(f"the adapter has no {SETTINGS_FILE}", where=str(folder), hint=_instead(folder))
    try:
        raw = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"not JSON: {error}", where=str(path), hint="The file is damaged: copy or save the adapter again."
        ) from None
    if not isinstance(raw, dict):
        raise UserError("not a JSON object", where=str(path), hint="The file is damaged: copy or save the adapter again.")
    return raw


def _instead(folder: Path) -> str:
    """What to name, where a folder is none of an adapter: one within it that is, or the model that it is itself."""
    if (folder / "config.json").is_file() and next(folder.glob("*.safetensors"), None):
        return "The folder is a whole model, into which an adapter may be merged: name it as a base."
    if within := sorted((path.parent for path in folder.glob(f"*/{SETTINGS_FILE}")), key=lambda path: path.stat().st_mtime):
        return f"There is one in {within[-1].name}: name {within[-1]}."
    return "An adapter is a folder that PEFT's save_pretrained wrote."


def tensors_file(folder: Path) -> Path:
    """Raises UserError where the weights are not there, or pickled, or in pieces."""
    path = folder / TENSORS_FILE
    if path.is_file():
        return path
    where, names = str(folder), sorted(file.name for file in folder.iterdir() if file.is_file())
    if pickled := [name for name in names if name.startswith("adapter_model") and name.endswith((".bin", ".pt", ".pth"))]:
        problem = f"the adapter's weights are pickled ({pickled[0]}), which can run code when they are read"
        raise UserError(
            problem, where=where, hint="Where you trust it, load it with PEFT and save it again: model.save_pretrained(folder)."
        )
    if pieces := [name for name in names if name.startswith("adapter_model") and "-of-" in name]:
        raise UserError(
            f"the adapter's weights lie in pieces ({pieces[0]})", where=where, hint=f"Join them into one {TENSORS_FILE}."
        )
    raise UserError(
        f"the adapter has no {TENSORS_FILE}", where=where, hint="An adapter is a folder that PEFT's save_pretrained wrote."
    )


def _read_tensors(folder: Path) -> list[tuple[str, Tensor]]:
    path = tensors_file(folder)
    hint = "Copy or save the adapter again."
    try:
        with safe_open(str(path), framework="pt") as reader:
            found = _mapped(path, reader)
    except (SafetensorError, ValueError, OSError) as error:
        raise UserError(f"not a whole safetensors file: {error}", where=str(path), hint=hint) from None
    if not found:
        raise UserError("the adapter holds no tensor", where=str(path), hint=hint)
    for name, tensor in found:
        if tensor.dtype not in FLOATS:
            problem = f"the tensor {name} is of the type {str(tensor.dtype).removeprefix('torch.')}"
            raise UserError(problem, where=str(path), hint="Save the adapter in float32, float16 or bfloat16.")
        if tensor.shape == (0,):
            hint = "Its shards were not gathered when it was saved (ZeRO-3, FSDP): gather them, and save it again."
            raise UserError(f"the tensor {name} is empty", where=str(path), hint=hint)
    floats = [(name, tensor.float()) for name, tensor in found]
    # A sum is read off memory faster than a test of each number; it is only a suspicion.
    sums = torch.stack([tensor.sum() for _, tensor in floats])
    if not sums.isfinite().all():
        for name, _ in [one for one in floats if not one[1].isfinite().all()]:
            hint = "Its training diverged: take an earlier checkpoint."
            raise UserError(f"the adapter's update is not finite ({name})", where=str(path), hint=hint)
    return floats


def _mapped(path: Path, reader: Any) -> list[tuple[str, Tensor]]:
    """All tensors of a file that was opened, and so found to be whole: one behind the other without a gap.

    Hundreds of them are cut out of one map of the file in less time than it takes to ask for each.
    """
    names = reader.offset_keys()
    slices = [reader.get_slice(name) for name in names]
    kinds = [_STORED_FLOATS[one.get_dtype()] for one in slices if one.get_dtype() in _STORED_FLOATS]
    sizes = [one.get_shape() for one in slices]
    counts = [kind.itemsize * prod(size) for kind, size in zip(kinds, sizes, strict=False)]
    length = path.stat().st_size
    begins = list(accumulate(counts, initial=length - sum(counts)))
    if len(kinds) < len(names) or any(begin % _ALIGNED for begin in begins[:-1]):
        return [(name, reader.get_tensor(name)) for name in names]
    whole = torch.from_file(str(path), shared=False, size=length, dtype=torch.uint8)
    cuts = zip(names, kinds, sizes, begins, begins[1:], strict=False)
    return [(name, whole[begin:end].view(kind).view(size)) for name, kind, size, begin, end in cuts]


class _Paths:
    """The modules of a base, and what else they are called: models that also see name their text part differently."""

    def __init__(self, paths: Iterable[str], parts: Iterable[str]) -> None:
        # The adapter's own name may follow its part.
        named = r"(?:\.(?P<name>(?!weight$|bias$)[^.]+))?(?:\.(?P<last>weight|bias))?$"
        self._part = re.compile(rf"^(?P<path>.*)\.(?P<part>{'|'.join(parts)}){named}")
        self._paths = {path: path for path in paths}
        self._plain = {_plain(path): path for path in self._paths}
        self.written: dict[str, str] = {}

    def key(self, name: str) -> Key:
        bare = _WITHIN.sub("", _AROUND.sub("", name))
        if match := self._part.match(bare):
            return Key(path=self._own(match["path"]), part=match["part"], bias=match["last"] == "bias")
        if match := _TOKENS.match(bare):
            part = "tokens" if match["part"].endswith("delta") else "original"
            return Key(path=self._own(match["path"]), part=part)
        if match := _WHOLE.match(bare):
            if match["mark"] == ".original_module":
                return Key(path=match["path"], part="original")
            part = "base" if match["mark"] == ".base_layer" else "module"
            return Key(path=self._own(match["path"]), part=part, bias=match["last"] == "bias")
        return Key(path=bare, part="unknown")

    def _own(self, path: str) -> str:
        own = self._paths.get(path) or self._plain.get(_plain(path)) or path
        self.written[own] = path
        return own


def _plain(path: str) -> str:
    """A path without what says that it is the text part of something larger."""
    return ".".join(part for part in path.split(".") if part not in _TEXT_PARTS)
