"""Which files of a hub's model or of a package are brought: those that change what it says, and of its weights one set."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from rung.engine.bases.checkpoint import find_entry, read_json, shards
from rung.engine.bases.folder import ANSWER_FILES, CODE_FILES
from rung.engine.bases.kinds import no_weights
from rung.errors import UserError

# What sentence-transformers keeps beside an encoder's own files, and in a folder for each step after it.
ENCODER_FILES: tuple[str, ...] = ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json")
ENCODER_FILES += ("sentence_*_config.json", "[0-9]*_*/config.json", "[0-9]*_*/model.safetensors")
# The first step's own files, in a folder of its own where the root has none.
ENCODER_FILES += tuple(f"0_*/{name}" for name in (*ANSWER_FILES, "sentence_*_config.json"))
# What says that a folder is no base: it is brought, so that it can be told.
_TELLING = ("model_index.json", "adapter_config.json")


def bring_model(names: Collection[str], bring: Callable[[Sequence[str]], None], target: Path, where: str) -> None:
    """Has `bring` put into the folder `target`, by their names, the files of `names` that are a model, small ones first.

    Raises UserError where there are no weights that transformers would take, before any are brought.
    """
    bring(_matching(names, (*ANSWER_FILES, *ENCODER_FILES, *_TELLING, CODE_FILES)))
    first = _first_step(target)
    config = target / first / "config.json"
    within = {name.removeprefix(first) for name in names if name.startswith(first)}
    try:
        entry = find_entry(within, read_json(config).get("transformers_weights") if config.is_file() else None)
    except UserError as error:
        raise UserError(error.problem, where=where, hint=error.hint) from None
    if entry is None:
        told = no_weights({name for name in within if "/" not in name}, "")
        raise UserError(told.problem, where=where, hint=told.hint)
    if entry.is_index:
        bring([first + entry.name])
    files = shards(target / first / entry.name) if entry.is_index else (entry.name,)
    if absent := [name for name in files if name not in within]:
        raise UserError(
            f"the weights are not all there: there is no {absent[0]}", where=where, hint="Name another revision or model."
        )
    bring([first + name for name in files])


def _first_step(target: Path) -> str:
    """Where the transformer of an encoder lies, with a slash behind it; "" where that is the root."""
    listed = json.loads((target / "modules.json").read_text("utf-8")) if (target / "modules.json").is_file() else []
    path = listed[0].get("path") if isinstance(listed, list) and listed and isinstance(listed[0], dict) else None
    return f"{path.strip('/')}/" if isinstance(path, str) and path and (target / path).is_dir() else ""


def _matching(names: Collection[str], patterns: Sequence[str]) -> list[str]:
    return sorted(name for name in names if any(_matches(name, pattern) for pattern in patterns))


def _matches(name: str, pattern: str) -> bool:
    """Folder by folder: a star does not reach into the next."""
    parts, wanted = PurePosixPath(name).parts, PurePosixPath(pattern).parts
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
