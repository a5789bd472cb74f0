"""How a file's answers can be scored: of what kind they are, the scorer for that kind, and a bar to begin with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rung import plugins
from rung.choices import in_one_form
from rung.data.calls import looks_like_calls
from rung.data.closed_set import is_closed_set
from rung.data.inferred import Inference
from rung.data.read.where import as_text
from rung.data.script import width
from rung.errors import UserError, did_you_mean
from rung.propose.lists import ListKind, lists_in
from rung.propose.quantities import are_quantities, tolerance
from rung.types import Example
from rung.verify.column import ColumnReading, read_column
from rung.verify.dates import ODD_SHARE, read_date
from rung.verify.fields import kind_of_field

Kind = ListKind | Literal["closed set", "number", "identifier", "date", "JSON object", "tool calls", "short text", "text", "code"]
SHORT_CHARS = 40
BARS: dict[Kind, float] = {
    **dict.fromkeys(("several labels", "alternatives", "required items", "tool calls", "short text"), 0.5),
    **dict.fromkeys(("references", "text", "code"), 0.3),
    **dict.fromkeys(("number", "identifier", "date"), 0.7),
    "JSON object": 0.8,
}
FUZZY_CHARS = 25


def kind_of(examples: Sequence[Example], column: str = "") -> tuple[Kind, dict[str, int]]:
    """Of what kind the targets are; and of a closed set each class with its rows, the most frequent first.

    `column` is what the column of targets is called.
    """
    targets = [example.target for example in examples]
    if _are_calls(examples):
        return "tool calls", {}
    if sum(isinstance(target, dict) for target in targets) >= (1 - ODD_SHARE) * len(targets):
        return "JSON object", {}
    if (lists := lists_in(targets, column)) is not None:
        return lists.kind, {}
    texts = counted(examples)
    if is_closed_set(texts) and not are_quantities(targets, column):
        return "closed set", texts
    shown = read_column(targets)
    if shown.kind != "text":
        return shown.kind, {}
    short = sum(width(as_text(target)) <= SHORT_CHARS for target in targets) >= 0.9 * len(targets)
    return ("short text" if short else "text"), {}


def counted(examples: Sequence[Example]) -> dict[str, int]:
    """Each target as text with its rows, the most frequent first; what looks the same is one."""
    return dict(Counter(in_one_form(Counter(as_text(example.target) for example in examples))).most_common())


def chosen_scorer(
    name: str, kind: Kind, examples: Sequence[Example], columns: Mapping[str, str]
) -> tuple[Kind, str, dict[str, Any]]:
    """A scorer that was asked for by name, with its settings to begin with, and the kind of answers that it takes these for.

    Raises UserError for a name that there is not.
    """
    known = plugins.names("scorers")
    if name not in known:
        raise UserError(f"there is no scorer '{name}'", where="--scorer", hint=did_you_mean(name, known))
    kinds: dict[Kind, dict[str, Any]] = getattr(plugins.load("scorers", name), "PROPOSED", {})
    taken = kind if kind in kinds or not kinds else next(iter(kinds))
    return taken, name, scorer_for(taken, examples, columns if taken == kind else None)[1] if taken in kinds else {}


def _are_calls(examples: Sequence[Example]) -> bool:
    targets = [example.target for example in examples]
    if any(isinstance(target, list) and target and looks_like_calls(target) for target in targets):
        return True
    offered = any(example.tools for example in examples)
    return offered and all(isinstance(target, list | dict) and looks_like_calls(target) for target in targets)


def scorer_for(kind: Kind, examples: Sequence[Example], columns: Mapping[str, str] | None = None) -> tuple[str, dict[str, Any]]:
    """The first scorer that says of itself that it is for answers of this kind, and the settings to begin with.

    `columns` are settings that name the rows' own columns, as tests of code do.
    """
    modules = {name: plugins.load("scorers", name) for name in plugins.names("scorers")}
    name, module = next((name, module) for name, module in modules.items() if kind in getattr(module, "PROPOSED", {}))
    proposed = module.propose(kind, examples) if hasattr(module, "propose") else module.PROPOSED[kind]
    settings: dict[str, Any] = dict(columns or {})
    if kind == "JSON object":
        objects = [example.target for example in examples if isinstance(example.target, dict)]
        settings["fields"] = {key: _field(values) for key, values in _by_name(objects).items()}
    if kind == "several labels" and (lists := lists_in([example.target for example in examples])):
        settings |= lists.settings
    if kind == "number" and read_column([example.target for example in examples]).doubt:
        settings["decimal"] = "."
    if kind == "number" and (absolute := tolerance(examples)) is not None:
        settings["absolute"] = absolute
    if kind == "date" and (first := _day_first(read_column([example.target for example in examples]))) is not None:
        settings["day_first"] = first
    return name, {**proposed, **settings}


def why_scorer(kind: Kind, name: str, settings: Mapping[str, Any]) -> Inference:
    """Why this scorer, in these settings; said aloud where the kind of the answers alone does not say it."""
    module = plugins.load("scorers", name)
    more = module.because(settings) if hasattr(module, "because") else ""
    told = ", ".join(f"{key}: {value}" for key, value in settings.items() if isinstance(value, str))
    because = f"the answers are of the kind '{kind}'" + (f", and {more}" if more else "")
    change = "quality: {scorer: ...}, or --scorer"
    return Inference(about="scorer", taken=f"{name} ({told})" if told else name, because=because, change=change, aloud=bool(more))


def remarks_on(kind: Kind, examples: Sequence[Example]) -> list[str]:
    """What the columns of targets show that their reader should look at: what is in doubt, what was taken for an identifier."""
    targets = [example.target for example in examples]
    if kind == "JSON object":
        objects = [target for target in targets if isinstance(target, dict)]
        columns = {f"'{key}'": read_column(_flat(values)) for key, values in _by_name(objects).items()}
    else:
        columns = {"The answers": read_column(targets)} if kind in ("number", "identifier", "date") else {}
    remarks = []
    if kind == "number" and (absolute := tolerance(examples)) is not None:
        told = (
            f"The answers are degrees, judged and not counted: one within {absolute:g} is taken for right (absolute: {absolute:g})."
        )
        remarks.append(f"{told} The tolerance is yours to set.")
    for name, column in columns.items():
        if column.doubt:
            taken = "the month first" if column.kind == "date" else "a decimal point"
            remarks.append(
                f"{name} can be read in two ways: {column.doubt}; taken as {taken}. Set it right in the scorer's settings."
            )
        if column.kind == "identifier":
            remarks.append(f"{name} are compared as text, not as numbers: {column.evidence}.")
    return remarks


def _by_name(objects: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for value in objects for name in value)
    return {name: [value[name] for value in objects if value.get(name) is not None] for name in names}


def _flat(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if not isinstance(value, (dict, list))]


def _field(values: Sequence[Any]) -> str | dict[str, Any]:
    """How a field is compared: as a number, a date, an object, a list, text that may differ a little, or exactly."""
    kind = kind_of_field(values)
    if kind == "date":
        return _date(_flat(values))
    if kind == "number" and read_column(_flat(values)).doubt:
        return {"kind": kind, "decimal": "."}
    if kind != "exact" or not all(isinstance(value, str) for value in values):
        return kind
    texts = [as_text(value) for value in values]
    closed = is_closed_set(Counter(texts))
    return "fuzzy" if texts and not closed and sum(map(width, texts)) / len(texts) > FUZZY_CHARS else "exact"


def _date(values: Sequence[Any]) -> str | dict[str, Any]:
    """Dates, and times of day where most values have one; which part comes first is written down where the values show it."""
    column = read_column(values)
    moments = [moment for value in values if (moment := read_date(value, day_first=column.day_first or False))]
    timed = sum(moment.time is not None for moment in moments) > 0.5 * len(moments)
    kind, first = "datetime" if timed else "date", _day_first(column)
    return kind if first is None else {"kind": kind, "day_first": first}


def _day_first(column: ColumnReading) -> bool | None:
    """Whether the day comes first, None where the column has no such dates; the month in a column in doubt, which is said."""
    return False if column.doubt else column.day_first


def bar_for(kind: Kind, classes: Mapping[str, int]) -> float:
    """For a closed set at least half of what always giving the commonest answer leaves to gain."""
    if kind == "closed set":
        share = max(classes.values()) / sum(classes.values())
        return min(0.99, round(max(0.8, share + (1 - share) / 2), 2))
    return BARS[kind]
