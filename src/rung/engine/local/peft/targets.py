"""Which modules an adapter is for: PEFT's rules of `target_modules`, `exclude_modules`, `layers_to_transform` and patterns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rung.engine.local.peft.keys import Values
from rung.errors import UserError

ALL_LINEAR = "all-linear"
# A pattern comes from a stranger, and might be one that never ends.
MATCHING_S = 1.0
KEYS = frozenset({"target_modules", "exclude_modules", "modules_to_save", "layers_to_transform", "layers_pattern"})
Value = TypeVar("Value")
Names = tuple[str, ...] | str | None


@dataclass(frozen=True, kw_only=True)
class Targets:
    """`wanted` None leaves it to the tensors that are there; a text is a pattern of whole paths, names are ends of paths."""

    wanted: Names
    excluded: Names = None
    saved: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    layers_of: tuple[str, ...] = ()
    where: str = ""

    @classmethod
    def read(cls, settings: Mapping[str, Any], where: str) -> Targets:
        """Raises UserError for a value of another form, or a pattern that is none."""
        values = Values(settings, where)
        made = cls(
            wanted=values.names_or_pattern("target_modules"),
            excluded=values.names_or_pattern("exclude_modules"),
            saved=values.names("modules_to_save"),
            layers=values.whole_numbers("layers_to_transform"),
            layers_of=values.names("layers_pattern"),
            where=where,
        )
        if isinstance(made.wanted, str) and (made.layers is not None or made.layers_of):
            problem = "layers_to_transform stands beside a pattern in target_modules, which PEFT refuses"
            raise UserError(problem, where=where, hint="Name the layers in the pattern.")
        return made

    @property
    def all_linear(self) -> bool:
        return isinstance(self.wanted, str) and self.wanted.lower() == ALL_LINEAR

    def include(self, path: str, *, linear: bool = True) -> bool:
        """Whether the module at this path is adapted. `linear`: whether "all-linear" means it, the head never being meant."""
        if self.excludes(path):
            return False
        if self.all_linear:
            return linear
        if isinstance(self.wanted, str):
            return self._matches("target_modules", self.wanted, path, whole=True)
        if self.wanted is None or path in self.wanted:
            return self.wanted is not None
        return _ends(path, self.wanted) and self._in_layers(path)

    def excludes(self, path: str) -> bool:
        excluded = self.excluded or ()
        if isinstance(excluded, str):
            if self._matches("exclude_modules", excluded, path, whole=True):
                return True
        elif path in excluded or _ends(path, excluded):
            return True
        return any(self._matches("modules_to_save", rf"(^|.*\.){name}($|\..*)", path) for name in self.saved)

    def _in_layers(self, path: str) -> bool:
        if self.layers is None:
            return True
        patterns = [rf"(?:^|.*?\.){name}\.(?P<index>\d+)\." for name in self.layers_of] or [r".*?\.[^.]*\.(?P<index>\d+)\."]
        found = next((match for pattern in patterns if (match := self._match("layers_pattern", pattern, path))), None)
        return found is not None and int(found["index"]) in self.layers

    def _matches(self, key: str, pattern: str, path: str, *, whole: bool = False) -> bool:
        return self._match(key, pattern, path, whole=whole) is not None

    def _match(self, key: str, pattern: str, path: str, *, whole: bool = False) -> Any:
        return matched(key, pattern, path, self.where, whole=whole)


def matched(key: str, pattern: str, path: str, where: str, *, whole: bool = False) -> Any:
    """The match from the path's beginning on, or of all of it; None. Raises UserError for what is no pattern, or takes for ever."""
    import regex

    hint = "Write it as Python's re takes it, or name the modules."
    try:
        return (regex.fullmatch if whole else regex.match)(pattern, path, timeout=MATCHING_S)
    except regex.error as error:
        raise UserError(f"{key} holds '{pattern}', which is no pattern: {error}", where=where, hint=hint) from None
    except TimeoutError:
        raise UserError(f"{key} holds '{pattern}', which takes too long to match", where=where, hint=hint) from None


def of_pattern(key: str, by_pattern: Mapping[str, Value], path: str, default: Value, where: str) -> Value:
    """The value of the first pattern that ends the path at a dot or at its beginning, as PEFT's `rank_pattern` has it."""
    for pattern, value in by_pattern.items():
        if matched(key, rf"(.*\.)?({pattern})$", path, where):
            return value
    return by_pattern.get(path, default)


def _ends(path: str, names: Iterable[str]) -> bool:
    return path.endswith(tuple(f".{name}" for name in names))
