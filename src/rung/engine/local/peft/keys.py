"""What each key of `adapter_config.json` means here: computed, of no meaning once trained, or refused by its name and value."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rung.errors import UserError

MERGE = "Merge it into its base where it was trained (model.merge_and_unload().save_pretrained(folder)) and name that folder."
_CAUSAL = (None, "CAUSAL_LM")


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The allow-list of one kind of adapter.

    computed  what its reader asks for
    harmless  what changes nothing once an adapter is trained, whatever its value
    off       what changes answers in a way that is not computed, unless its value says that it is not used
    """

    computed: frozenset[str]
    harmless: frozenset[str]
    off: frozenset[str] = frozenset()


# Of every kind: who wrote it, from what, and how it was trained.
COMMON = frozenset(
    {
        "peft_type",
        "task_type",
        "auto_mapping",
        "peft_version",
        "base_model_name_or_path",
        "revision",
        "inference_mode",
        "runtime_config",
    }
)


def check_keys(settings: Mapping[str, Any], keys: Keys, where: str) -> None:
    """Raises UserError for a key whose meaning would be lost."""
    if settings.get("task_type") not in _CAUSAL:
        problem = f"task_type is {_shown(settings['task_type'])}: the adapter answers by another head than the language model's"
        raise UserError(problem, where=where, hint="Name an adapter that was trained as CAUSAL_LM.")
    for key, value in settings.items():
        if key in keys.computed or key in keys.harmless or key in COMMON or is_off(value):
            continue
        if key in keys.off:
            raise UserError(f"{key}: {_shown(value)} is not computed here", where=where, hint=MERGE)
        near = difflib.get_close_matches(key, keys.computed, n=1, cutoff=0.85)
        hint = f"Did you mean '{near[0]}'? " if near else "Take it out where it changes no answer. "
        raise UserError(f"unknown key '{key}': {_shown(value)}, which might change answers", where=where, hint=hint + MERGE)


def is_off(value: Any) -> bool:
    """Whether PEFT would take a variant's key with this value for one that is not used."""
    return value is None or value is False or (isinstance(value, list | dict | str) and not value)


class Values:
    """The values of `adapter_config.json`, each of the form that its key must have. Raises UserError naming key and value."""

    def __init__(self, settings: Mapping[str, Any], where: str) -> None:
        self._settings, self._where = settings, where

    def flag(self, key: str) -> bool:
        value = self._settings.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._refuse(key, value, "true or false")
        return bool(value)

    def rank(self, key: str) -> int:
        return self.rank_of(key, self._asked(key))

    def rank_of(self, key: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._refuse(key, value, "a whole number from 1")
        return value

    def number(self, key: str) -> float:
        return self.number_of(key, self._asked(key))

    def number_of(self, key: str, value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise self._refuse(key, value, "a number")
        return float(value)

    def by_pattern(self, key: str, form: Callable[[str, Any], Any]) -> dict[str, Any]:
        value = self._settings.get(key) or {}
        if not isinstance(value, dict):
            raise self._refuse(key, value, "a pattern for each value")
        return {pattern: form(key, entry) for pattern, entry in value.items()}

    def names(self, key: str) -> tuple[str, ...]:
        """A list of names, or one."""
        value = self._settings.get(key) or ()
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
            raise self._refuse(key, value, "a list of names")
        return tuple(listed)

    def names_or_pattern(self, key: str) -> tuple[str, ...] | str | None:
        value = self._settings.get(key)
        return value if isinstance(value, str) else None if value is None else self.names(key)

    def whole_numbers(self, key: str) -> tuple[int, ...] | None:
        value = self._settings.get(key)
        if value is None or value == []:
            return None
        listed = [value] if isinstance(value, int) else value
        if not isinstance(listed, list) or not all(isinstance(entry, int) and not isinstance(entry, bool) for entry in listed):
            raise self._refuse(key, value, "a list of whole numbers")
        return tuple(listed)

    def _asked(self, key: str) -> Any:
        if key not in self._settings:
            raise UserError(f"there is no '{key}'", where=self._where, hint="The file is not whole: save the adapter again.")
        return self._settings[key]

    def _refuse(self, key: str, value: Any, wanted: str) -> UserError:
        return UserError(
            f"{key} is {_shown(value)}, not {wanted}",
            where=self._where,
            hint="Save the adapter again, or write what it was trained with.",
        )


def _shown(value: Any) -> str:
    said = json.dumps(value, default=str)
    return said if len(said) <= 80 else said[:77] + "..."
