"""What makes a folder a model: weights without code, a configuration, a tokenizer; and the digest of all that changes an answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any

from rung.disk import explained, file_digest, once
from rung.engine.bases.checkpoint import checkpoint, read_json, stored_tensors
from rung.engine.bases.kinds import no_weights, refuse_strange_folder
from rung.engine.bases.quantised import quantised, unpacked_into
from rung.errors import UserError
from rung.json_form import digest
from rung.types import Progress

TOKENIZER_FILES: tuple[str, ...] = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt")
TOKENIZER_FILES += ("spiece.model", "sentencepiece.bpe.model", "vocab.bpe", "*.tiktoken", "tekken.json")
# Files beside the weights that change an answer.
ANSWER_FILES: tuple[str, ...] = ("config.json", "generation_config.json", *TOKENIZER_FILES)
ANSWER_FILES += ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
ANSWER_FILES += ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")
# Code that came with a model; it changes an answer where the configuration names it.
CODE_FILES = "*.py"
# What transformers writes about itself and the moment of saving: it changes no answer.
_VOLATILE = {"transformers_version", "_name_or_path", "name_or_path", "is_local", "local_files_only"}


def digest_folder(folder: Path) -> str:
    """SHA-256 over the name and content of every file that changes an answer; equal content gives an equal digest anywhere."""
    return digest({name: content_digest(folder / name) for name in answer_files(folder)})


def answer_files(folder: Path) -> list[str]:
    """Those files, as sorted POSIX paths within the folder."""
    found = checkpoint(folder)
    weights = {*found.files, *([found.entry.name] if found.entry.is_index else [])} if found else set()
    beside = {path.relative_to(folder).as_posix() for pattern in ANSWER_FILES for path in folder.glob(pattern) if path.is_file()}
    return sorted(weights | beside | _own_code(folder))


def _own_code(folder: Path) -> set[str]:
    config = folder / "config.json"
    named = config.is_file() and read_json(config).get("auto_map")
    return {path.name for path in folder.glob(CODE_FILES)} if named else set()


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that are the folder's model. Raises UserError where there are none."""
    found = checkpoint(folder)
    if found is None:
        raise no_weights({path.name for path in folder.iterdir()}, str(folder))
    return tuple(folder / name for name in found.files)


def read_template(folder: Path) -> str | dict[str, str] | None:
    """The folder's chat template as transformers would load it, without importing transformers; None where there is none.

    Raises UserError for one that is no text.
    """
    named = {path.stem: _text(path) for path in sorted(folder.glob("additional_chat_templates/*.jinja"))}
    default: Any = None
    if (folder / "chat_template.jinja").is_file():
        default = _text(folder / "chat_template.jinja")
    for name in ("tokenizer_config.json", "chat_template.json"):
        if not default and (folder / name).is_file():
            default = _told_in(folder / name)
    if isinstance(default, dict):
        return default | named
    return {"default": default, **named} if named and default else default


def _told_in(file: Path) -> str | dict[str, str] | None:
    """The template, or the templates by their names, in a JSON file."""
    told = read_json(file).get("chat_template")
    named = dict(map(_named, told)) if isinstance(told, list) else told
    texts = [*named.keys(), *named.values()] if isinstance(named, dict) else [named]
    if told is not None and not all(isinstance(text, str) for text in texts):
        hint = "It is a text, or a list of {name, template}: copy or download the file again."
        raise UserError("chat_template is no text", where=str(file), hint=hint)
    return named or None


def _named(entry: Any) -> tuple[Any, Any]:
    return (entry.get("name"), entry.get("template")) if isinstance(entry, dict) else (None, None)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError as error:
        problem = f"the chat template is no UTF-8 text, at byte {error.start}"
        raise UserError(problem, where=str(file), hint="The file is damaged: copy or download it again.") from error


def check_folder(folder: Path) -> None:
    """Raises UserError where the folder is no causal language model that can be loaded, whole, without running its code."""
    refuse_strange_folder(folder)
    found = checkpoint(folder)
    if found is None:
        raise no_weights({path.name for path in folder.iterdir()}, str(folder))
    stored_tensors(folder, found)
    if not any(next(folder.glob(pattern), None) for pattern in TOKENIZER_FILES):
        raise UserError(
            "the folder holds no tokenizer", where=str(folder), hint="Save it there: tokenizer.save_pretrained(folder)."
        )


def plain_folder(folder: Path, name: str, bases: Path, progress: Progress) -> Path:
    """A checked folder itself, or, where its weights are quantised, what they are unpacked to, once, under `bases`.

    Raises UserError for weights that only a library which is not used here could unpack.
    """
    found = checkpoint(folder)
    assert found
    how = quantised(read_json(folder / "config.json"), stored_tensors(folder, found))
    if how is None:
        return folder
    if not how.unpack:
        raise how.refused(str(folder))
    target = bases / f"{name}-{digest_folder(folder)[:16]}"
    if not target.is_dir():
        progress.note(f"Unpacking {name} ({how.method}) to bf16 safetensors (once)")
    others = [file for file in answer_files(folder) if file not in (*found.files, found.entry.name, "config.json")]
    with explained(bases):
        return once(target, lambda made: unpacked_into(made, folder, found, how, others))


def content_digest(path: Path, without: Collection[str] = ()) -> str:
    """Of a configuration, its meaning, but for the keys `without`; of any other file, its bytes."""
    if path.name.endswith("config.json"):
        meaning = {key: value for key, value in read_json(path).items() if key not in _VOLATILE and key not in without}
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()
    stat = path.stat()
    return _bytes_digest(path.resolve(), (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))


@lru_cache(maxsize=256)
def _bytes_digest(path: Path, _state: tuple[int, ...]) -> str:
    """Read once for each state of the file: weights are gigabytes, and a climb resolves its base many times."""
    return file_digest(path)
