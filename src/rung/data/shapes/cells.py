"""One cell as it stands in a question: text as it is, lists item by item, options behind their letters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from rung.data.cell_lists import list_in_text
from rung.data.read.where import as_text

_ONE_OF_THEM = "choice option opt candidate ending alternative answer solution opción opcion opção auswahl antwort 选项 選択肢"
_OF_THEM = "choices options opts candidates endings alternatives answers solutions opciones opções antworten"
OPTION_NAMES = frozenset(f"{_ONE_OF_THEM} {_OF_THEM}".split())
TOKEN_NAMES = frozenset(("token", "tokens", "words"))
_OPENING = ("[", "{", "(", "array(")
_OPTION = re.compile(r"[A-Za-z]|\d{1,2}")
_LABEL_KEYS, _TEXT_KEYS = ("label", "labels", "key", "letter"), ("text", "texts", "value", "choice", "option")


class Option(NamedTuple):
    """What an option is called, and what it says."""

    label: str
    text: str


def is_option(shown: str) -> bool:
    """Whether a name is an option's: one letter, or a number."""
    return _OPTION.fullmatch(shown) is not None


def is_empty(value: Any) -> bool:
    """Whether a cell says nothing: null, blank text, not-a-number, or a list or object without anything in it."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value in ([], {}, ()) or (isinstance(value, str) and not value.strip())


def listed(value: Any, name: str) -> bool:
    """Whether a cell under such a name is shown over several lines."""
    if options_in(value, name):
        return True
    return isinstance(_of_name(value, name), list) and not TOKEN_NAMES & _words(name)


def cell_text(value: Any, name: str, *, lettered: bool = False) -> str:
    """A cell as text; "" where it is empty. `name` is what it stands under; `lettered` as of `options_in`."""
    if is_empty(value):
        return ""
    if options := options_in(value, name, lettered=lettered):
        return "\n".join(f"{option.label}) {option.text}" for option in options)
    value = _of_name(value, name)
    if isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
        items = [as_text(item) for item in value if not is_empty(item)]
        return " ".join(items) if TOKEN_NAMES & _words(name) else "\n".join(f"- {item}" for item in items)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else as_text(value)


def options_in(value: Any, name: str, *, lettered: bool = False) -> tuple[Option, ...]:
    """The options that a cell holds: a list under a name of options, or texts and labels under any; none where it is no such.

    A list is a list, its JSON text, or Python's. Texts with labels are `{"text": [...], "label": [...]}` (as ARC has them), a list
    of `{"label", "text"}`, or `{"A": ..., "B": ...}`. `lettered`: under A, B, ... whatever their own labels are.
    """
    options = _options(value, name)
    return _lettered([option.text for option in options]) if lettered else options


def _options(value: Any, name: str) -> tuple[Option, ...]:
    value = list_in_text(value) if isinstance(value, str) and value.lstrip().startswith(_OPENING) else value
    if isinstance(value, Mapping):
        return _of_object(value)
    if not isinstance(value, list) or not value:
        return ()
    if all(isinstance(item, Mapping) for item in value):
        return _of_pairs(value)
    plain = all(isinstance(item, str | int | float) for item in value)
    return _lettered([as_text(item) for item in value]) if plain and OPTION_NAMES & _words(name) else ()


def _of_object(value: Mapping[str, Any]) -> tuple[Option, ...]:
    label, text = (next((key for key in keys if isinstance(value.get(key), list)), "") for keys in (_LABEL_KEYS, _TEXT_KEYS))
    if text and set(value) <= {text, label} and (not label or len(value[label]) == len(value[text])):
        texts = [as_text(item) for item in value[text]]
        return _labelled(value[label], texts) if label else _lettered(texts)
    if (
        len(value) > 1
        and all(is_option(key) for key in value)
        and not any(isinstance(part, dict | list) for part in value.values())
    ):
        return tuple(Option(key, as_text(part)) for key, part in value.items() if not is_empty(part))
    return ()


def _of_pairs(value: Sequence[Mapping[str, Any]]) -> tuple[Option, ...]:
    label, text = (next((key for key in keys if all(key in item for item in value)), "") for keys in (_LABEL_KEYS, _TEXT_KEYS))
    if not label or not text:
        return ()
    return _labelled([item[label] for item in value], [as_text(item[text]) for item in value])


def _labelled(labels: Sequence[Any], texts: Sequence[str]) -> tuple[Option, ...]:
    names = [as_text(label) for label in labels]
    # Labels that are no marks, such as the texts again, say nothing.
    return tuple(map(Option, names, texts)) if all(map(is_option, names)) else _lettered(texts)


def _lettered(texts: Sequence[str]) -> tuple[Option, ...]:
    numbers = map(str, range(1, len(texts) + 1))
    return tuple(map(Option, ascii_uppercase if len(texts) <= len(ascii_uppercase) else numbers, texts))


def _of_name(value: Any, name: str) -> Any:
    """The list that the text of a cell is, under a name of several things."""
    if isinstance(value, str) and value.lstrip().startswith(_OPENING) and (OPTION_NAMES | TOKEN_NAMES) & _words(name):
        found = list_in_text(value)
        return value if found is None else found
    return value


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold()))
