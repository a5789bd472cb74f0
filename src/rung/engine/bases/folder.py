"""What makes a folder a model: weights without code, a configuration, a tokenizer; and the digest of all that changes an answer."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from rung.disk import file_digest
from rung.errors import UserError
from rung.json_form import digest

_TOKENIZER_FILES: tuple[str, ...] = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
)
_TOKENIZER_FILES += ("vocab.json", "vocab.txt", "merges.txt")
ANSWER_FILES: tuple[str, ...] = (
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    *_TOKENIZER_FILES,
)
ANSWER_FILES += ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")
MAX_HEADER_BYTES = 100_000_000  # safetensors' own limit
# What transformers writes about itself and the moment of saving: it changes no answer.
_VOLATILE = {"transformers_version", "_name_or_path", "name_or_path", "is_local", "local_files_only"}


def digest_folder(folder: Path) -> str:
    """SHA-256 over the name and content of every file that changes an answer; equal content gives an equal digest anywhere."""
    return digest({name: _file_digest(folder / name) for name in answer_files(folder)})


def answer_files(folder: Path) -> list[str]:
    """Those files, as sorted POSIX paths within the folder."""
    return sorted(
        {path.relative_to(folder).as_posix() for pattern in ANSWER_FILES for path in folder.glob(pattern) if path.is_file()}
    )


def read_template(folder: Path) -> str | dict[str, str] | None:
    """The folder's chat template as transformers would load it, without importing transformers; None where there is none."""
    named = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("additional_chat_templates/*.jinja"))}
    default: Any = None
    if (folder / "chat_template.jinja").is_file():
        default = (folder / "chat_template.jinja").read_text("utf-8")
    elif (folder / "chat_template.json").is_file():
        default = _json(folder / "chat_template.json").get("chat_template")
    elif (folder / "tokenizer_config.json").is_file():
        default = _json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(default, list):
        return {entry["name"]: entry["template"] for entry in default} | named
    return {"default": default, **named} if named and default else default


def check_folder(folder: Path) -> None:
    """Raises UserError where the folder is no model that can be loaded without running its code."""
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), hint="A base is a local folder, or starts with pip:, hf: or https://.")
    if not (folder / "config.json").is_file():
        raise UserError(
            "the folder holds no config.json, so it is no model", where=str(folder), hint="Name the model's own folder."
        )
    _json(folder / "config.json")
    if not any(folder.glob("*.safetensors")):
        pickles = any(folder.glob("*.bin")) or any(folder.glob("*.pt")) or any(folder.glob("*.pth"))
        raise UserError(
            "the folder holds pickled weights, which can run code when they are read" if pickles else "the folder holds no weights",
            where=str(folder),
            hint="Save the model as safetensors: model.save_pretrained(folder).",
        )
    for file in folder.glob("*.safetensors"):
        _check_whole(file)
    if not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise UserError(
            "the folder holds no tokenizer", where=str(folder), hint="Save it there: tokenizer.save_pretrained(folder)."
        )


def _check_whole(file: Path) -> None:
    """A safetensors file begins with its header's length and the header, which says where the last tensor ends."""
    with file.open("rb") as weights:
        length = int.from_bytes(weights.read(8), "little")
        text = weights.read(length) if length <= MAX_HEADER_BYTES else b""
    try:
        tensors = [entry for name, entry in json.loads(text).items() if name != "__metadata__"]
        end = 8 + length + max((entry["data_offsets"][1] for entry in tensors), default=0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise UserError("not a safetensors file", where=str(file), hint="Copy or download it again.") from None
    size = file.stat().st_size
    if size != end:
        problem = f"the weights are cut off: {size:,} bytes of {end:,}" if size < end else "something follows the weights"
        raise UserError(problem, where=str(file), hint="Copy or download them again.")


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"not JSON: {error}", where=str(path), hint="The file is damaged: copy or download it again.") from error
    if not isinstance(value, dict):
        raise UserError("not a JSON object", where=str(path), hint="The file is damaged: copy or download it again.")
    return value


def _file_digest(path: Path) -> str:
    """Of a configuration, its meaning; of any other file, its bytes."""
    if path.name.endswith("config.json"):
        meaning = {key: value for key, value in _json(path).items() if key not in _VOLATILE}
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
    stat = path.stat()
    return _bytes_digest(path.resolve(), (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))


@lru_cache(maxsize=256)
def _bytes_digest(path: Path, _state: tuple[int, ...]) -> str:
    """Read once for each state of the file: weights are gigabytes, and a climb resolves its base many times."""
    return file_digest(path)
