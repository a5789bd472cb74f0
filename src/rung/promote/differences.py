"""What parts two versions: prompt, demonstrations, documents, data, settings, adapters; and scores on rows that both answered."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.json_form import as_json
from rung.registry.lineage import settings_of

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.lookup import Known
    from rung.registry.runs import RunRecord
    from rung.types import Candidate
    from rung.verify.same_rows import OnSameRows

# Told apart in more detail than by their digests.
TOLD_APART = ("prompt", "demonstrations")


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A value under a dotted key before and after; None where it is not there. Of two lists also what came and went."""

    key: str
    before: Any
    after: Any
    came: tuple[Any, ...] = ()
    went: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Demonstrations or documents, by what they are called: those that came, went, and say something else now; `kept` are alike."""

    came: tuple[str, ...]
    went: tuple[str, ...]
    changed: tuple[str, ...]
    kept: int


@dataclass(frozen=True, kw_only=True)
class Differences:
    """`before` and `after` as `name@version` or ids. `prompt` holds the lines of a unified diff, empty where it is the same.

    `demonstrations` and `documents` are None where neither has any. `notes` say what could not be told.
    """

    before: str
    after: str
    same: bool
    prompt: tuple[str, ...]
    parts: tuple[Changed, ...]
    demonstrations: Listed | None
    documents: Listed | None
    data: tuple[Changed, ...]
    settings: tuple[Changed, ...]
    scores: tuple[OnSameRows, ...]
    notes: tuple[str, ...]


def differences(home: Home, before: Known, after: Known) -> Differences:
    """All that parts two versions, by what is stored; nothing is asked or measured."""
    scores = _scores(home, before.candidate.id, after.candidate.id)
    notes = [known.note for known in (before, after) if known.note]
    notes += [f"{known.ref}: the digests of its data are not known" for known in (before, after) if not known.data]
    notes += [] if scores or before.candidate.id == after.candidate.id else [_not_compared(home, before, after)]
    return Differences(
        before=before.ref,
        after=after.ref,
        same=before.candidate.id == after.candidate.id,
        prompt=tuple(_lines(before, after)),
        parts=tuple(changed(_parts(before.candidate), _parts(after.candidate))),
        demonstrations=_listed(_demonstrations(home, before.candidate), _demonstrations(home, after.candidate)),
        documents=_listed(_documents(home, before.candidate), _documents(home, after.candidate)),
        data=tuple(changed(before.data, after.data)) if before.data and after.data else (),
        settings=tuple(changed(_settings(before), _settings(after))) if before.document and after.document else (),
        scores=tuple(scores),
        notes=tuple(notes),
    )


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Changed]:
    """The values that differ, by dotted keys, in the order of the keys after and then before."""
    old, new = dict(_flat(before)), dict(_flat(after))
    for key in dict.fromkeys([*new, *old]):
        was, now = old.get(key), new.get(key)
        if was != now:
            both = isinstance(was, list) and isinstance(now, list)
            came, went = (_beyond(now or (), was or ()), _beyond(was or (), now or ())) if both else ((), ())
            yield Changed(key=key, before=was, after=now, came=came, went=went)


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and (value or not key):
        for name, part in value.items():
            yield from _flat(part, f"{key}.{name}" if key else name)
    else:
        yield key, value


def _beyond(values: Sequence[Any], others: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(value for value in values if value not in others)


def _lines(before: Known, after: Known) -> Iterator[str]:
    """A unified diff of the two prompts, each line without its end."""
    old, new = before.candidate.prompt, after.candidate.prompt
    yield from difflib.unified_diff(old.splitlines(), new.splitlines(), before.ref, after.ref, lineterm="", n=2)
    if old != new and old.splitlines() == new.splitlines():
        yield "(the prompts differ in their line ends alone)"


def _parts(candidate: Candidate) -> dict[str, Any]:
    """A Candidate's fields but for those that are told apart otherwise; of demonstrations only how many are shown."""
    fields = {key: part for key, part in as_json(candidate).items() if key not in TOLD_APART}
    shown = candidate.demonstrations
    return {**fields, "demonstrations": {"nearest": shown.k, "shared": shown.shared} if shown else None}


def _demonstrations(home: Home, candidate: Candidate) -> dict[str, str] | None:
    """What was asked -> the answer that was shown."""
    from rung.engine.chat import text_of
    from rung.engine.demos import Pool

    if candidate.demonstrations is None:
        return None
    pool = Pool.read(home.blobs.local(candidate.demonstrations.pool))
    return {"\n".join(text_of(message.get("content")) for message in demo.messages): demo.answer for demo in pool.demos}


def _documents(home: Home, candidate: Candidate) -> dict[str, str] | None:
    """Source -> its passages' texts, one behind the other."""
    from rung.engine.retrieval.index import Index

    if candidate.retrieval is None:
        return None
    texts: dict[str, list[str]] = {}
    for passage in Index.read(home.blobs.local(candidate.retrieval.index)).chunks:
        texts.setdefault(str(passage["source"]), []).append(str(passage["text"]))
    return {source: "\n".join(parts) for source, parts in texts.items()}


def _listed(before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Listed | None:
    if before is None and after is None:
        return None
    old, new = before or {}, after or {}
    both = [key for key in new if key in old]
    unlike = tuple(key for key in both if old[key] != new[key])
    return Listed(
        came=tuple(key for key in new if key not in old),
        went=tuple(key for key in old if key not in new),
        changed=unlike,
        kept=len(both) - len(unlike),
    )


def _settings(known: Known) -> dict[str, Any]:
    """What its task asked for, and what it said of the rung that passed."""
    document, version = known.document, known.version
    if document is None or version is None:
        return {}
    task = as_json(document.task)
    left_out = ("name", "digest", "path")
    rung = version.evidence.rung
    return {
        **{key: value for key, value in task.items() if key not in left_out},
        "rungs": {rung: settings_of(document, rung)},
        "packages": dict(document.lock.packages),
    }


def _scores(home: Home, before: str, after: str) -> list[OnSameRows]:
    """On every split of every task that both were measured on, by the Run with the most rows."""
    from rung.verify.same_rows import on_same_rows

    if before == after:
        return []
    old, new = _largest(home.runs.records(before)), _largest(home.runs.records(after))
    pairs = [(home.runs.get(old[where].id), home.runs.get(new[where].id)) for where in old if where in new]
    return [found for pair in pairs for found in on_same_rows(*pair)]


def _largest(records: Sequence[RunRecord]) -> dict[tuple[str, str], RunRecord]:
    found: dict[tuple[str, str], RunRecord] = {}
    for record in records:
        where = (record.task, record.split)
        if where not in found or record.n >= found[where].n:
            found[where] = record
    return found


def _not_compared(home: Home, before: Known, after: Known) -> str:
    """Why there are no scores side by side, and how to get them."""
    from rung.errors import UserError

    why = f"{before.ref} and {after.ref} have not answered the same split of the same task"
    for known in (after, before):
        try:
            path = home.tasks.get(known.version.evidence.task).path if known.version else ""
        except UserError:
            continue
        if path:
            other = before if known is after else after
            return (
                f"{why}: `rung eval {path} --candidate {other.ref} --split dev` measures {other.ref} where {known.ref} was measured"
            )
    return f"{why}: `rung eval TASK --candidate {before.ref} --split dev` measures one"
