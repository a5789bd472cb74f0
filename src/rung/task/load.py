"""A task file to a locked Task: every problem of the file at once, each with its line; then its data, split and checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung import plugins
from rung.data.audit import CheckSettings, audit, by_gravity
from rung.data.balance import balance, changed_mix
from rung.data.cap import cap, changed_weights
from rung.data.documents.files import DocumentSource, fingerprint
from rung.data.findings import found, in_rows
from rung.data.load import Loaded, load_examples
from rung.data.read.layout import Layout
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns
from rung.data.split import Deduplicated, deduplicate, split, with_repeats
from rung.data.split_findings import about_split
from rung.errors import UserError, did_you_mean
from rung.garbage import uncollected
from rung.parts import Knowledge, ProbeSettings, ToolSet
from rung.sources.base import BaseReference
from rung.task.bars import fields_of, named_costs, refuse_bars, scorer_problems
from rung.task.checks import read_checks, refuse_errors
from rung.task.open_lines import refuse_open
from rung.task.positions import Located, place_in, read_yaml
from rung.task.texts import as_written
from rung.types import Bar, Example, Finding, Limits, Task
from rung.verify.bars import Measure
from rung.verify.problems import Problem, keys_of, problems_of
from rung.verify.scoring import BoundScorer, read_settings, scorer_settings
from rung.verify.where import columns_of

if TYPE_CHECKING:
    from rung.task.keys import ProbesSpec, TaskSpec
    from rung.verify.problems import Path as KeyPath

SHOWN_ROWS = 20
GUARDS_OF_LATER = ("regression", "jailbreak")


@dataclass(frozen=True, kw_only=True)
class TaskFile:
    """A Task, and what was done to its data on the way."""

    task: Task
    loaded: Loaded
    deduplicated: Deduplicated


def load_task(path: Path, downloads: Path) -> Task:
    """The Task that a file describes. Raises UserError with every problem, each as `file:line: what and how to mend it`."""
    return read_task(path, downloads).task


def check_file(path: Path) -> None:
    """Raises UserError for a task file's own faults, without a look at its data."""
    _checked(read_yaml(path))


@uncollected()
def read_task(path: Path, downloads: Path) -> TaskFile:
    """As `load_task`, with what was read, left out and found twice."""
    from rung.task.serving import settled_serving
    from rung.task.tools import about_left_out, task_tools

    located = read_yaml(path)
    spec, bars, checks = _checked(located)
    try:
        slices = tuple(dict.fromkeys(column for bar, _ in bars for column in columns_of(bar)))
        judged_by = tuple(dict.fromkeys(column for _, scorer in bars for column in scorer.columns))
        loaded = load_examples(replace(_source(spec, path, downloads), slices=slices, judged_by=judged_by))
        unique = deduplicate(loaded.examples)
        rows = with_repeats(unique)
        kept = balance(rows, spec.seed) if spec.data.balance else rows
        whole = split(kept, spec.data.split.shares(), spec.seed)
        examples = cap(whole, spec.data.most_per_group, spec.seed) if spec.data.most_per_group else whole
        tools = task_tools(spec.tools, path.parent, examples)
    except UserError as error:
        raise _at_its_key(error, located, spec.data.examples, [bar for bar, _ in bars]) from None
    mixed = [*([changed_mix(rows, kept)] if len(kept) < len(rows) else []), *about_split(kept, whole)]
    mixed += [changed_weights(whole, examples, spec.data.most_per_group or 0)] if len(examples) < len(whole) else []
    findings = by_gravity([*loaded.findings, *audit(loaded.examples, "raw", checks), *audit(examples, "split", checks), *mixed])
    refuse_errors(findings, located)
    knowledge = _knowledge(spec, path, downloads, located)
    settled = [_settle(bar, examples, located, path) for bar in bars]
    for bar, scorer in settled:
        _refuse_unmatchable(bar, scorer, examples)
    settled = _refuse_strange(settled, examples, located)
    findings = by_gravity([*findings, *_forbidden([scorer for _, scorer in settled], examples), *about_left_out(tools)])
    serving = settled_serving(spec.serving, settled[1:], examples, path.parent) if spec.serving else None
    task = _task(spec, examples, [bar for bar, _ in settled], path, tools=tools)
    return TaskFile(
        task=replace(task, knowledge=knowledge, findings=findings, serving=serving),
        loaded=loaded,
        deduplicated=unique,
    )


def check_keys(path: Path) -> None:
    """Raises UserError, with every problem, where the file's own keys are wrong. No data is read."""
    _checked(read_yaml(path))


def _checked(located: Located) -> tuple[TaskSpec, list[tuple[Bar, BoundScorer]], Mapping[str, CheckSettings]]:
    """The file's own faults, all at once, before any data is read."""
    from pydantic import ValidationError

    from rung.task.keys import TaskSpec
    from rung.task.serving import serving_problems

    refuse_open(located)
    value = as_written(located.value, TaskSpec, (), located.written)
    problems = _of_later(value)
    bars: list[tuple[Bar, BoundScorer] | None] = []
    for name, path, keys in _bar_parts(value):
        bar, faults = _bar(name, path, keys, located)
        bars.append(bar)
        problems += faults
    problems += _unknown_plugins("rungs", value.get("rungs"), ())
    problems += _unknown_plugins("probes", value.get("probes"), ("dev_rows",))
    checks, faults = read_checks(value.get("data"))
    problems += [*faults, *serving_problems(value.get("serving"), value.get("guards"), located.written)]
    try:
        spec = TaskSpec.model_validate(value)
    except ValidationError as error:
        raise located.error([*problems, *problems_of(error, TaskSpec)]) from None
    if spec.server.batch and BaseReference.read(spec.base.model).kind not in ("server", "registered"):
        problems.append(Problem(("server", "batch"), f"only a server has batches: 'base' is {spec.base.model!r}"))
    if problems:
        raise located.error(problems)
    return spec, [bar for bar in bars if bar is not None], checks


def _of_later(value: dict[str, Any]) -> list[Problem]:
    """Guards that the design has and this version has not; taken out of `value`, so that they are not unknown as well."""
    problems: list[Problem] = []
    guards = value.get("guards")
    if isinstance(guards, Mapping):
        later = [name for name in GUARDS_OF_LATER if name in guards]
        problems += [Problem(("guards", name), f"the guard '{name}' is not in this version") for name in later]
        value["guards"] = {name: keys for name, keys in guards.items() if name not in later}
    return problems


def _bar_parts(value: Mapping[str, Any]) -> list[tuple[str, KeyPath, Mapping[str, Any]]]:
    """Name, place and keys of every bar that has the form of one."""
    guards = value.get("guards")
    parts: list[tuple[str, KeyPath, Any]] = [("quality", ("quality",), value.get("quality"))]
    parts += [(name, ("guards", name), keys) for name, keys in guards.items()] if isinstance(guards, Mapping) else []
    return [(name, path, keys) for name, path, keys in parts if isinstance(keys, Mapping)]


def _bar(
    name: str, path: KeyPath, keys: Mapping[str, Any], located: Located
) -> tuple[tuple[Bar, BoundScorer] | None, list[Problem]]:
    """A bar and its scorer, or everything that is wrong with them."""
    from pydantic import ValidationError

    from rung.task.keys import BarSpec

    own = keys_of(BarSpec)
    keys = as_written(keys, BarSpec, path, located.written)
    settings = {key: value for key, value in keys.items() if key not in own}
    problems, spec, scorer = [], None, None
    if path[0] == "guards" and name == "quality":
        problems.append(Problem((), "a guard cannot be called 'quality'"))
    try:
        spec = BarSpec.model_validate({key: value for key, value in keys.items() if key in own})
    except ValidationError as error:
        problems += problems_of(error, BarSpec)
    try:
        kind = scorer_settings(keys["scorer"]) if isinstance(keys.get("scorer"), str) else None
        if kind is not None:
            scorer, faults = read_settings(keys["scorer"], as_written(settings, kind, path, located.written), own)
            problems += faults
    except UserError as error:
        near = {key: difflib.get_close_matches(key, own, n=1, cutoff=0.8) for key in settings}
        problems += [Problem((key,), f"unknown key '{key}'. Did you mean '{names[0]}'?") for key, names in near.items() if names]
        problems.append(Problem(("scorer",), f"{error.problem}. {error.hint}"))
    if spec is None or scorer is None or problems:
        return None, [Problem((*path, *problem.path), problem.text) for problem in problems]
    bar = Bar(name=name, scorer=spec.scorer, **fields_of(spec))
    faults = [Problem((*path, key), text) for key, text in scorer_problems(bar, scorer)]
    return (None if faults else (bar, scorer)), faults


def _unknown_plugins(slot: str, settings: Any, also: tuple[str, ...]) -> list[Problem]:
    """Settings of plug-ins that there are not; `also` are keys beside their names."""
    known = (*plugins.names(slot), *also)
    unknown = [name for name in settings if name not in known] if isinstance(settings, Mapping) else []
    return [Problem((slot, name), f"no {slot[:-1]} is called '{name}'. {did_you_mean(str(name), known)}") for name in unknown]


def _source(spec: TaskSpec, path: Path, downloads: Path) -> Source:
    data = spec.data
    return Source(
        reference=data.examples,
        base_folder=path.parent,
        downloads=downloads,
        columns=Columns.read(data.columns or {}),
        where=data.where,
        leave_out=data.leave_out,
        group=data.group,
        limit=data.limit,
        seed=spec.seed,
        encoding=data.encoding,
        layout=Layout.read(data.format),
        names=data.names or {},
        bad_rows=data.bad_rows,
    )


def _knowledge(spec: TaskSpec, path: Path, downloads: Path, located: Located) -> Knowledge | None:
    """What the file says of the documents, and their digest: they are read to the last byte, but not yet understood."""
    told = spec.knowledge
    if told is None:
        return None
    folder = path.parent.resolve()
    source = DocumentSource(
        references=tuple(told.source), base_folder=folder, downloads=downloads.resolve(), include=tuple(told.include)
    )
    try:
        found = fingerprint(source)
    except UserError as error:
        raise type(error)(
            f"{error.where}: {error.problem}" if error.where else error.problem,
            where=located.where(("knowledge",)),
            hint=error.hint,
        ) from None
    return Knowledge(
        source=tuple(told.source),
        folder=str(folder),
        downloads=str(source.downloads),
        include=tuple(told.include),
        encoder=told.encoder,
        reranker=told.reranker,
        abstain=told.abstain,
        digest=found.digest,
        documents=found.documents,
        size_bytes=found.size_bytes,
    )


def _at_its_key(error: UserError, located: Located, reference: str, bars: Sequence[Bar]) -> UserError:
    """The same error, its place `data.split` told as the file and line of that key, and of the data's own name where it is that."""
    key = tuple(error.where.split("."))
    if key[0] == "where":
        column = error.where.partition(".")[2]
        place = next((*_place(bar.name), "where", column) for bar in bars if column in bar.where)
        return type(error)(f"where: {error.problem}", where=located.where(place), hint=error.hint)
    if key[0] == "judged_by":
        column = error.where.partition(".")[2]
        places = [(*_place(bar.name), name) for bar in bars for name, value in bar.config.items() if value == column]
        return type(error)(f"{places[0][-1]}: {error.problem}", where=located.where(places[0]), hint=error.hint)
    if key[0] in ("data", "tools") and key in located.lines:
        return type(error)(error.problem, where=located.where(key), hint=error.hint)
    if error.where == reference:
        return type(error)(f"{reference}: {error.problem}", where=located.where(("data", "examples")), hint=error.hint)
    return error


def _settle(bar: tuple[Bar, BoundScorer], examples: Sequence[Example], located: Located, path: Path) -> tuple[Bar, BoundScorer]:
    """The bar with everything that its scorer takes from the data or from files written into its settings."""
    mine, scorer = bar
    try:
        settled = scorer.settle(examples, path.parent)
    except UserError as error:
        raise UserError(error.problem, where=error.where or located.where(_place(mine.name)), hint=error.hint) from None
    return replace(mine, config=settled.settings()), settled


def _place(bar: str) -> KeyPath:
    """Where a bar stands in the file."""
    return ("quality",) if bar == "quality" else ("guards", bar)


def _refuse_strange(
    settled: Sequence[tuple[Bar, BoundScorer]], examples: Sequence[Example], located: Located
) -> list[tuple[Bar, BoundScorer]]:
    """The bars, their costs under the classes' names. Raises UserError for classes that no row has, and for bars about no row."""
    measures = [Measure(bar=bar, scorer=scorer) for bar, scorer in settled if not bar.plain]
    problems = [Problem((*_place(bar), key), text) for bar, key, text in refuse_bars(measures, examples)]
    if problems:
        raise located.error(problems)
    return [
        (replace(bar, cost=named_costs(bar.cost, scorer.classes(examples))) if bar.cost else bar, scorer) for bar, scorer in settled
    ]


def _refuse_unmatchable(bar: Bar, scorer: BoundScorer, examples: Sequence[Example]) -> None:
    """Raises UserError that lists the rows whose target no answer could ever match."""
    scorer.prepare_ideals(examples)
    faults = [(row.source or row.id, fault) for row in examples if (fault := scorer.check(row))]
    if not faults:
        return
    shown = [f"{source}: {fault}" for source, fault in faults[:SHOWN_ROWS]]
    rest = [f"... and {len(faults) - len(shown)} more"] if len(faults) > len(shown) else []
    head = f"{len(faults)} of {len(examples)} rows could never be scored as right by '{bar.scorer}'"
    raise UserError(
        "\n  ".join([head, *shown, *rest]),
        hint="Mend these rows, leave them out (data.leave_out: [id]), or choose another scorer.",
    )


def _forbidden(scorers: Sequence[BoundScorer], examples: Sequence[Example]) -> list[Finding]:
    """Told once, by whichever bar's scorer sees it first: of rows whose right answer the rows themselves forbid."""
    rows = next((rows for scorer in scorers if (rows := scorer.forbidden(examples))), ())
    if not rows:
        return []
    message = "the right answer is one that the row's own schema forbids: a model that is held to the schema cannot write it"
    return [found("warning", f"in {in_rows(len(rows))} {message}", rows)]


def _located_base(base: str, folder: Path) -> str:
    """A folder or script beside the task file, with its whole path: a Candidate is asked from other folders than this one."""
    reference = BaseReference.read(base)
    beside = folder / Path(reference.name).expanduser()
    return str(reference.at(beside.resolve())) if reference.is_path and beside.exists() else base


def _base(spec: TaskSpec, path: Path) -> str:
    """What the file names, and how its weights are kept. Raises UserError, with the line, where they cannot be."""
    located = _located_base(spec.base.model, path.parent)
    if not spec.base.weights:
        return located
    try:
        return str(BaseReference.read(located).with_weights(spec.base.weights))
    except UserError as error:
        raise UserError(error.problem, where=place_in(str(path), ("base", "weights")), hint=error.hint) from None


def _located_adapter(adapter: str | None, folder: Path) -> str:
    """The whole path of a folder beside the task file, or what names one on the hub; "" for none."""
    if adapter and adapter.startswith("hf:"):
        return adapter
    return str((folder / Path(adapter).expanduser()).resolve()) if adapter else ""


def _probes(said: ProbesSpec, folder: Path) -> ProbeSettings:
    """What the file says of the diagnosis; another base than the task's, of any probe, is located as that is."""
    of: dict[str, Mapping[str, Any]] = dict(said.model_extra or {})
    for name, own in of.items():
        if isinstance(own.get("base"), str):
            of[name] = {**own, "base": _located_base(own["base"], folder)}
    return ProbeSettings(dev_rows=said.dev_rows, of=of)


def _task(spec: TaskSpec, examples: tuple[Example, ...], bars: Sequence[Bar], path: Path, *, tools: ToolSet | None) -> Task:
    limits = spec.limits
    return Task(
        name=spec.name,
        base=_base(spec, path),
        base_adapter=_located_adapter(spec.base.adapter, path.parent),
        instruction=spec.instruction,
        examples=examples,
        quality=bars[0],
        guards=tuple(bars[1:]),
        limits=Limits(
            p95_latency_s=limits.p95_seconds, tokens_per_answer=limits.tokens_per_answer, minutes=limits.minutes, usd=limits.usd
        ),
        alpha=spec.alpha,
        alpha_shares=spec.alpha_shares,
        consequence=spec.consequence,
        seed=spec.seed,
        settings=spec.rungs,
        prices=spec.price_map(),
        in_flight=limits.in_flight,
        batch=spec.server.batch,
        traffic={key: value for key, value in spec.traffic if value is not None},
        path=str(path),
        tools=tools,
        probes=_probes(spec.probes, path.parent),
    )
