"""One question to several Candidates, side by side: as the answers come where scripts run, else when all are there."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rung.errors import RungError, UserError
from rung.serve.dashboard.data import Asks, Said, Trial
from rung.serve.dashboard.forms import Form
from rung.serve.dashboard.visits import Page, Shown, Streamed, Visit

if TYPE_CHECKING:
    from rung.registry.home import Home

MOST_AT_ONCE, MOST_CHOICES = 4, 60
LONGEST_QUESTION = 60_000
MOST_TOKENS = 4096
# Answers that are made for playgrounds at one time: what clients ask comes first.
_SLOTS = threading.BoundedSemaphore(8)
# So often somebody who reads a stream is looked for, where nothing else is to be told.
LOOK_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What may be asked: its reference, and what it is in words."""

    ref: str
    said: str


@dataclass(frozen=True, kw_only=True)
class Column:
    """A Candidate's answer, or why there is none."""

    ref: str
    said: Said | None = None
    problem: str = ""
    hint: str = ""


def choices(home: Home) -> list[Choice]:
    """The newest version of each name, and those that aliases stand for; the newest names first."""
    newest = {version.name: version for version in home.names.all()}
    found = {version.ref: Choice(ref=version.ref, said=f"{version.rung}, the newest") for version in newest.values()}
    for move in home.aliases.standing():
        found[move.ref] = Choice(ref=move.ref, said=f"stands for version {move.version}")
    made = {version.name: version.created for version in newest.values()}
    ordered = sorted(found.values(), key=lambda one: one.ref)
    return sorted(ordered, key=lambda one: made.get(one.ref.partition("@")[0], ""), reverse=True)[:MOST_CHOICES]


def _show(visit: Visit) -> Shown:
    wanted = tuple(filter(None, visit.query.get("ref", "").split(",")))[:MOST_AT_ONCE]
    return _page(visit, Form(pairs=tuple(("ref", ref) for ref in wanted)), [])


def _page(visit: Visit, form: Form, columns: list[Column]) -> Shown:
    known = choices(visit.controls.home)
    asked = form.all("ref")
    views = {
        "runs": visit.controls.asks is not None,
        "choices": known,
        "asked": asked,
        "other": next((ref for ref in asked if ref not in {one.ref for one in known}), ""),
        "question": form.get("question"),
        "instruction": form.get("instruction"),
        "max_tokens": form.get("max_tokens"),
        "temperature": form.get("temperature"),
        "columns": columns,
        "most": MOST_AT_ONCE,
    }
    return Shown(template="playground.html", title="Playground", nav="playground", views=views)


def _ask_all(visit: Visit) -> Shown:
    """Without scripts: the page again, with all answers."""
    asks = _asks(visit)
    refs = _refs(visit.form)
    trials = [_trial(visit, ref) for ref in refs]
    with ThreadPoolExecutor(len(trials)) as pool:
        columns = list(pool.map(lambda trial: _column(asks, trial), trials))
    return _page(visit, visit.form, columns)


def _refs(form: Form) -> tuple[str, ...]:
    refs = tuple(dict.fromkeys([*form.all("ref"), *form.all("other")]))
    if not refs:
        raise UserError("nobody was chosen to answer", hint="Choose one Candidate or more.")
    if len(refs) > MOST_AT_ONCE:
        raise UserError(f"{len(refs)} were chosen", hint=f"At most {MOST_AT_ONCE} answer side by side.")
    return refs


def _trial(visit: Visit, ref: str) -> Trial:
    form = visit.form
    question = form.get("question").replace("\r\n", "\n")
    if not question:
        raise UserError("there is no question", hint="Write one.")
    if len(question) > LONGEST_QUESTION:
        raise UserError(f"the question has {len(question):,} characters", hint=f"At most {LONGEST_QUESTION:,} can be asked here.")
    most = form.number("max_tokens", least=1, most=MOST_TOKENS)
    return Trial(
        ref=ref,
        question=question,
        instruction=form.get("instruction").replace("\r\n", "\n"),
        max_tokens=int(most) if most else None,
        temperature=form.number("temperature", least=0, most=2) or 0.0,
        who=visit.session.who,
    )


def _column(asks: Asks, trial: Trial) -> Column:
    try:
        return Column(ref=trial.ref, said=_said(asks, trial))
    except RungError as error:
        return Column(ref=trial.ref, problem=error.problem, hint=error.hint)


def _said(asks: Asks, trial: Trial) -> Said:
    if not _SLOTS.acquire(timeout=30):
        raise UserError("too many playgrounds ask at once", hint="Try again in a moment.")
    try:
        return asks.ask(trial)
    finally:
        _SLOTS.release()


def _stream(visit: Visit) -> Streamed:
    """One Candidate's answer, a line of JSON for each piece, and one at its end."""
    asks, refs = _asks(visit), _refs(visit.form)
    told: queue.Queue[dict[str, Any] | None] = queue.Queue()
    trial = replace(_trial(visit, refs[0]), hear=lambda piece: told.put({"piece": piece}))

    def answer() -> None:
        try:
            told.put({"said": _plain(_said(asks, trial))})
        except RungError as error:
            told.put({"problem": error.problem, "hint": error.hint})
        except Exception as error:
            told.put({"problem": "the answer could not be made", "hint": "The server's log says why."})
            raise error from None
        finally:
            told.put(None)

    threading.Thread(target=answer, name="playground", daemon=True).start()
    return Streamed(lines=_lines(told), left=trial.gone.set)


def _lines(told: queue.Queue[dict[str, Any] | None]) -> Iterator[str]:
    while True:
        try:
            line = told.get(timeout=LOOK_S)
        except queue.Empty:
            yield "\n"
            continue
        if line is None:
            return
        yield json.dumps(line) + "\n"


def _plain(said: Said) -> dict[str, Any]:
    return {**asdict(said), "calls": [dict(call) for call in said.calls]}


def _asks(visit: Visit) -> Asks:
    if visit.controls.asks is None:
        raise UserError("this server answers no questions")
    return visit.controls.asks


PAGES = (
    Page(path="/playground", show=_show, act=_ask_all),
    Page(path="/playground/answer", act=_stream, back="/playground"),
)
