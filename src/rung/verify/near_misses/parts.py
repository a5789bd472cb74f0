"""Near misses in what a target is made of: items of a list, fields of an object, calls and their arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from rung.verify.calls import parameters_of
from rung.verify.near_misses.material import Material, Path, other_ideals, read_value
from rung.verify.near_misses.numbers import value_changed

INVENTED = "remark"


def item_dropped(given: Material) -> Iterator[str]:
    """A list lacks one of its items."""
    for path, items in given.lists():
        if items:
            gone = given.draw.randrange(len(items))
            yield from _written(given, path, [item for index, item in enumerate(items) if index != gone])


def item_added(given: Material) -> Iterator[str]:
    """A list has an item more: one of another row's list, where there is one."""
    for path, items in given.lists():
        theirs = [item for row in given.others for item in _items_at(read_value(row.target), path) if item not in items]
        known = [item for item in theirs if not isinstance(item, Mapping | list)]
        if known or items:
            yield from _written(given, path, [*items, known[0] if known else _like(items[0])])


def items_reordered(given: Material) -> Iterator[str]:
    """A list's items stand in another order."""
    for path, items in given.lists():
        if len(items) > 1 and items[0] != items[-1]:
            yield from _written(given, path, [items[-1], *items[1:-1], items[0]])


def field_missing(given: Material) -> Iterator[str]:
    """An object lacks a field that it has a value for."""
    found = [(path, part, key) for path, part in given.mappings() for key, value in part.items() if value not in (None, "", [], {})]
    given.draw.shuffle(found)
    for path, part, key in found[:1]:
        yield from _written(given, path, {name: value for name, value in part.items() if name != key})


def field_invented(given: Material) -> Iterator[str]:
    """An object has a field that no row has."""
    for path, part in given.mappings()[:1]:
        if INVENTED not in part:
            yield from _written(given, path, {**part, INVENTED: "as agreed"})


def field_filled_in(given: Material) -> Iterator[str]:
    """A field that this row lacks, or has as null, is given what another row has there."""
    if given.calls or not isinstance(given.value, Mapping):
        return
    for row in given.others:
        theirs = read_value(row.target)
        for key, value in theirs.items() if isinstance(theirs, Mapping) else ():
            if value not in (None, "", [], {}) and given.value.get(key) is None:
                yield from _written(given, (), {**given.value, key: value})
                return


def field_changed(given: Material) -> Iterator[str]:
    """A field has another value."""
    return value_changed(given) if given.mappings() else iter(())


def argument_changed(given: Material) -> Iterator[str]:
    """An argument has another value."""
    return value_changed(given) if given.calls else iter(())


def argument_missing(given: Material) -> Iterator[str]:
    """A call lacks an argument that may not be left out."""
    for index, call in _calls(given):
        parts = (parameters_of(call["name"], given.example.tools) or {}).get("properties") or {}
        may_go = {name for name, values in (call.get("allowed") or {}).items() if "" in (values or ())}
        may_go |= {name for name, part in parts.items() if isinstance(part, Mapping) and "default" in part}
        needed = [name for name in call["arguments"] if name not in may_go and call["arguments"][name] is not None]
        if needed:
            gone = given.draw.choice(needed)
            kept = {name: value for name, value in call["arguments"].items() if name != gone}
            yield from _written(given, (index, "arguments"), kept)
            return


def argument_invented(given: Material) -> Iterator[str]:
    """A call has an argument that is not wanted."""
    for index, call in _calls(given)[:1]:
        yield from _written(given, (index, "arguments"), {**call["arguments"], INVENTED: "as agreed"})


def other_function(given: Material) -> Iterator[str]:
    """A call names another of the row's functions, or one that is none of them."""
    for index, call in _calls(given)[:1]:
        known = [tool.get("function", tool).get("name", "") for tool in given.example.tools]
        other = next((name for name in known if name != call["name"]), f"{call['name']}_2")
        yield from _written(given, (index, "name"), other)


def call_missing(given: Material) -> Iterator[str]:
    """One of several calls is not made."""
    if given.calls and len(given.value) > 1:
        yield from _written(given, (), given.value[:-1])


def call_too_many(given: Material) -> Iterator[str]:
    """The right calls, and one more; a call where none is right."""
    if not given.calls:
        return
    names = [tool.get("function", tool).get("name", "") for tool in given.example.tools] or [c["name"] for _, c in _calls(given)]
    more = [{"name": name, "arguments": {}} for name in names[-1:]]
    yield from _written(given, (), [*given.value, *more])
    yield from _written(given, (), [*given.value, *[dict(call) for call in given.value[:1]]])


def no_call(given: Material) -> Iterator[str]:
    """The answer makes no call where one is right."""
    if given.calls and given.value:
        yield from _written(given, (), [])
        yield "I will look into that."


def other_rows_target(given: Material) -> Iterator[str]:
    """The right answer to another question."""
    return islice(other_ideals(given), 2)


def _calls(given: Material) -> list[tuple[int, Mapping[str, Any]]]:
    calls = enumerate(given.value) if given.calls else ()
    return [(index, call) for index, call in calls if isinstance(call.get("arguments"), Mapping)]


def _items_at(value: Any, path: Path) -> list[Any]:
    """The items of the list that stands at a path in another row's target, if one does."""
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(key)
        else:
            value = value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None
    return list(value) if isinstance(value, list | tuple) else []


def _like(item: Any) -> Any:
    """An item that is not the one given."""
    if isinstance(item, Mapping):
        return {**item, INVENTED: "as agreed"}
    return f"{item} other" if isinstance(item, str) else [item]


def _written(given: Material, path: Path, new: Any) -> Iterator[str]:
    text = None if given.allowed(path, new) else given.written(given.at(path, new))
    if text is not None:
        yield text
