"""What lies in an adapter's folder beside the adapter: its tokenizer, its chat template, and the name of its base.

Trainers write tokenizer and template into every adapter's folder. Where they are the base's own, they say nothing; where not, the
adapter was trained on other prompts than the base would be asked here, which is refused, for nobody would see it in the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rung.engine.bases.checkpoint import read_json
from rung.engine.bases.folder import read_template
from rung.errors import UserError
from rung.sources.base import BaseReference

TOKENIZER_FILE, SETTINGS_FILE = "tokenizer.json", "tokenizer_config.json"
_SHOWN = 3


def check_beside(adapter: Path, base: Path) -> None:
    """Raises UserError for a tokenizer or a chat template beside the adapter that is not the base's."""
    _check_tokens(adapter, base)
    _check_merges(adapter, base)
    try:
        theirs = read_template(adapter)
    except KeyError:
        problem = "the chat template beside the adapter cannot be read"
        raise UserError(problem, where=str(adapter / SETTINGS_FILE), hint="Copy the adapter again, or take the file out.") from None
    if not theirs:
        return
    ours = read_template(base)
    if _texts(theirs) != _texts(ours):
        hint = (
            "Where the adapter was trained with it, name a copy of the base's folder that has this template. Where it was not, "
            "take it out of the adapter's folder (chat_template.jinja, chat_template in tokenizer_config.json)."
        )
        raise UserError("the adapter's folder holds another chat template than the base", where=str(adapter), hint=hint)


def other_base(settings: Mapping[str, Any], reference: BaseReference) -> str:
    """What to tell where the adapter names another base, or another revision, than the one that it is put on; "" where not."""
    said, revision = settings.get("base_model_name_or_path"), settings.get("revision")
    if not isinstance(said, str) or not said:
        return f"The adapter does not say what it was trained on; it is put on {reference.bare}."
    if BaseReference.read(said).bare == reference.bare or _last(said) == _last(reference.name):
        same = not revision or reference.kind != "hf" or not reference.version or revision == reference.version
        return "" if same else f"The adapter was trained on {said} at revision {revision}; it is put on {reference.bare}."
    return f"The adapter says that it was trained on {said}; it is put on {reference.bare}."


def _last(name: str) -> str:
    return name.rstrip("/\\").replace("\\", "/").rpartition("/")[2].lower()


def _texts(template: str | dict[str, str] | None) -> dict[str, str]:
    named = {"default": template} if isinstance(template, str) else template or {}
    return {name: text.strip().replace("\r\n", "\n") for name, text in named.items()}


def _check_tokens(adapter: Path, base: Path) -> None:
    theirs, ours = _tokens(adapter), _tokens(base)
    if not theirs or not ours:
        return
    other = sorted(token for token, number in theirs.items() if ours.get(token) != number)
    if other:
        shown = ", ".join(repr(token) for token in other[:_SHOWN])
        hint = (
            "Where the adapter was trained with them, put it on a base that has them: resize the base, merge_and_unload() the "
            "adapter, and save both with the tokenizer. Where it was not, take the tokenizer's files out of the adapter's folder."
        )
        problem = f"the adapter's tokenizer has {len(other)} tokens that the base's has not, or has elsewhere: {shown}"
        raise UserError(problem, where=str(adapter / TOKENIZER_FILE), hint=hint)


def _check_merges(adapter: Path, base: Path) -> None:
    """The same tokens may be put together in another order, and then every prompt is cut elsewhere."""
    theirs, ours = _merges(adapter), _merges(base)
    if theirs and ours and theirs != ours:
        hint = "Put the adapter on the base that it was trained on; or take the tokenizer's files out of its folder."
        problem = "the adapter's tokenizer has the base's tokens, and makes other ones of a text (its merges differ)"
        raise UserError(problem, where=str(adapter / TOKENIZER_FILE), hint=hint)


def _merges(folder: Path) -> list[str]:
    """In order, each as `left right`; older files have them so, later ones as pairs. Empty where a tokenizer has none."""
    path = folder / TOKENIZER_FILE
    model = read_json(path).get("model") if path.is_file() else None
    merges = model.get("merges") if isinstance(model, dict) else None
    return [pair if isinstance(pair, str) else " ".join(map(str, pair)) for pair in merges or ()]


def _tokens(folder: Path) -> dict[str, int]:
    """Each token's number, as tokenizer.json has it; of tokenizer_config.json those that were added. Empty where neither says."""
    path = folder / TOKENIZER_FILE
    if not path.is_file():
        settings = read_json(folder / SETTINGS_FILE) if (folder / SETTINGS_FILE).is_file() else {}
        added = settings.get("added_tokens_decoder") or {}
        return {entry["content"]: int(number) for number, entry in added.items() if isinstance(entry, dict) and "content" in entry}
    whole = read_json(path)
    model = whole.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, list):
        tokens = {entry[0]: number for number, entry in enumerate(vocabulary)}
    else:
        tokens = dict(vocabulary or {})
    return tokens | {entry["content"]: entry["id"] for entry in whole.get("added_tokens") or ()}
