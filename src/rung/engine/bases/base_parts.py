"""What a base is made of, a digest for each part, kept beside the bases: of one that changed it can be said what did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from rung.disk import write_whole
from rung.engine.bases.checkpoint import read_json
from rung.engine.bases.folder import TOKENIZER_FILES, answer_files, content_digest
from rung.errors import RungError, UserError
from rung.json_form import as_json, digest, from_json
from rung.sources.base import BaseReference

_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_TOKENIZER = (*TOKENIZER_FILES, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@dataclass(frozen=True, kw_only=True)
class BaseParts:
    """Digests of the parts of a base that change an answer; "" of what it does not have."""

    weights: str = ""
    configuration: str = ""
    generation_settings: str = ""
    tokenizer: str = ""
    chat_template: str = ""
    code: str = ""

    def other_than(self, before: BaseParts) -> tuple[str, ...]:
        """The parts that are not what they were, in words."""
        return tuple(
            field.name.replace("_", " ") for field in fields(self) if getattr(self, field.name) != getattr(before, field.name)
        )


class BaseChanged(UserError):
    """A base whose content is not the one that it is pinned to.

    reference  without the pin; `pinned` is the digest that was asked for, `found` the one that it has
    changed    the parts that differ, in words; None where it is not known what the former one was made of
    """

    def __init__(self, reference: BaseReference, pinned: str, found: str, changed: tuple[str, ...] | None) -> None:
        self.reference, self.pinned, self.found, self.changed = reference, pinned, found, changed
        bare = str(reference)
        super().__init__(
            f"the base is not the one that was measured: {changed_in_words(changed)}; its digest is sha256:{found[:12]}..., not "
            f"{pinned[:12]}...",
            where=bare,
            hint=f"Bring back the files as they were, or climb again what rests on them: rung campaign {bare}",
        )


def changed_in_words(changed: Sequence[str] | None) -> str:
    """`its weights and tokenizer changed`."""
    if changed is None:
        return "what of it changed is not known, for nothing was written down of what it was made of"
    if not changed:
        return "its content is the same, only in which file what stands is not"
    *first, last = changed
    return f"its {', '.join(first)} and {last} changed" if first else f"its {last} changed"


def parts_of_folder(folder: Path, template: str) -> BaseParts:
    """The parts of a folder whose chat template has the digest `template`.

    The template counts as a part of its own wherever it stands, so that one that was moved to another file has not changed.
    """
    names = answer_files(folder)
    tokenizer = {path.name for pattern in _TOKENIZER for path in folder.glob(pattern)}
    kinds: dict[str, list[str]] = {"weights": [], "configuration": [], "generation_settings": [], "tokenizer": [], "code": []}
    for name in names:
        if name in _TEMPLATES or name.endswith(".jinja"):
            continue
        kind = {"config.json": "configuration", "generation_config.json": "generation_settings"}.get(name, "weights")
        kind = "tokenizer" if name in tokenizer else "code" if name.endswith(".py") else kind
        kinds[kind].append(name)
    digests = {kind: digest({name: _without_template(folder / name) for name in held}) for kind, held in kinds.items() if held}
    return BaseParts(**digests, chat_template=template)


def _without_template(file: Path) -> str:
    if file.name != "tokenizer_config.json":
        return content_digest(file)
    return content_digest(file, without=("chat_template",))


def keep_base_parts(home: Path, base: str, parts: BaseParts) -> None:
    """Writes down what the base of this digest is made of, once. That a disk refuses is no reason not to answer."""
    file = _place(home, base)
    if not file.exists():
        with suppress(RungError, OSError):
            write_whole(file, json.dumps(as_json(parts), indent=1))


def kept_base_parts(home: Path, base: str) -> BaseParts | None:
    """What the base of this digest was made of; None where nothing was written down."""
    try:
        return from_json(BaseParts, read_json(_place(home, base)))
    except (OSError, ValueError, UserError):
        return None


def what_changed(home: Path, pinned: str, now: BaseParts | None) -> tuple[str, ...] | None:
    """The parts that are not what they were when the base had the digest `pinned`; None where that is not known."""
    before = kept_base_parts(home, pinned)
    return now.other_than(before) if before is not None and now is not None else None


def _place(home: Path, base: str) -> Path:
    return home / "bases" / "parts" / f"{base}.json"
