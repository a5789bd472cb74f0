"""The server's other parts as the dashboard sees them, in memory; and a server of them on a free port of this machine."""

from __future__ import annotations

import json
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from rung.errors import UserError
from rung.registry.home import Home
from rung.serve.dashboard.app import build_dashboard
from rung.serve.dashboard.data import (
    Arm,
    Call,
    Controls,
    Feedback,
    Found,
    Held,
    KeyShown,
    MeasureShown,
    Question,
    RolloutShown,
    Said,
    TenantShown,
    Trial,
    Wanted,
)

KEY = "rka-4f2a9c31b0d7e865-" + "k" * 43
REFS = ("tone@2", "tone@1", "spam@1", "base")


@dataclass(frozen=True, kw_only=True)
class Anna:
    """Who has the key."""

    id: str = "4f2a9c31b0d7e865"
    who: str = "admin anna (4f2a9c31b0d7e865)"


@dataclass(kw_only=True)
class OneAdmin:
    """One key, which can be taken away."""

    holds: bool = True

    def check(self, shown: str) -> Anna | None:
        return Anna() if self.holds and shown == KEY else None

    def holder(self, id: str) -> Anna | None:
        return Anna() if self.holds and id == Anna().id else None


class Asked:
    """A journal of one busy hour."""

    def __init__(self, word: str = "tone@champion", reason: str = "the tenant's minute is used up", *, n: int = 900) -> None:
        chance, now = random.Random(7), datetime.now(UTC)
        moments = [now - timedelta(seconds=chance.random() ** 1.2 * 3500) for _ in range(n)]
        self.rows = [_question(place, at, chance, (word, reason)) for place, at in enumerate(moments)]
        self.rows.sort(key=lambda one: one.created, reverse=True)

    def since(self, moment: str, limit: int) -> Sequence[Question]:
        return [one for one in self.rows if one.created >= moment][:limit]

    def search(self, wanted: Wanted, limit: int) -> Found:
        def fits(one: Question) -> bool:
            named = wanted.text in one.id or wanted.text in one.asked
            tenant, ref = wanted.tenant in ("", one.tenant), wanted.ref in ("", one.ref)
            return named and tenant and ref and wanted.ending in ("", one.ending)

        start = int(wanted.before or 0)
        rows = [one for one in self.rows if fits(one)]
        return Found(rows=tuple(rows[start : start + limit]), next=str(start + limit) if len(rows) > start + limit else "")

    def get(self, id: str) -> Question | None:
        return next((one for one in self.rows if one.id == id), None)


def _question(place: int, at: datetime, chance: random.Random, words: tuple[str, str]) -> Question:
    word, reason = words
    ending = chance.choices(["answered", "fallback", "withheld", "refused", "failed", "late", "gone"], [90, 2, 1, 4, 2, 1, 2])[0]
    ref = "" if ending == "refused" else chance.choices(REFS, [6, 2, 3, 1])[0]
    took = 0.08 + chance.expovariate(6)
    thumb = chance.choices(["up", "down", ""], [8, 2, 60])[0]
    return Question(
        id=f"chatcmpl-{place:024x}",
        created=at.isoformat(timespec="milliseconds"),
        tenant=chance.choice(["acme", "globex"]),
        asked=word,
        ref=ref,
        endpoint="chat",
        ending=ending,
        status=429 if ending == "refused" else 200,
        reason=reason if ending != "answered" else "",
        fingerprint="fp_0123456789abcdef" if ref else "",
        first_s=took / 3 if ref else None,
        latency_s=took if ref else None,
        prompt_tokens=chance.randint(40, 300) if ref else None,
        completion_tokens=chance.randint(1, 60) if ref else None,
        feedback=(Feedback(thumb=thumb, correction=reason if thumb == "down" else ""),) if thumb and ref else (),
        made=(("Base", "d4" * 32), ("Adapter, weight 1", "a1" * 32)) if ref else (),
    )


@dataclass(kw_only=True)
class Rolling:
    """One canary that goes on, and one that was rolled back."""

    words: str = "5 points worse with probability at most 1%"
    done: list[tuple[str, str, str]] = field(default_factory=list)

    def all(self) -> Sequence[RolloutShown]:
        arms = (
            Arm(name="champion", ref="tone@1", n=8_204, spoken=412, seconds=0.21, tokens=34.2),
            Arm(name="candidate", ref="tone@2", n=431, spoken=70, seconds=0.19, tokens=31.0),
        )
        going = RolloutShown(
            id="rollout-00aa11bb22cc33dd",
            name="tone",
            kind="canary",
            state="running",
            tone="going",
            share=0.05,
            arms=arms,
            measures=tuple(_measures()),
            started=_ago(hours=3),
            who="anna",
            evidence=(f"answered: no harm shown yet; {self.words}", "feedback: 61 of 70 thumbs up"),
            actions=("pause", "stop"),
            history=((_ago(hours=3), "begun", self.words),),
        )
        over = {"state": "rolled back", "tone": "fail", "actions": (), "ended": _ago(hours=20), "share": 0.0}
        back = replace(going, id="rollout-99", name="spam", **over)
        return [going, back]

    def act(self, id: str, action: str, by: str, reason: str) -> str:
        if id != "rollout-00aa11bb22cc33dd":
            raise UserError("it is over", hint="Nothing more can be done to it.")
        self.done.append((id, action, reason))
        return f"The rollout of tone: {action}, by {by}."


def _measures() -> Iterator[MeasureShown]:
    still = {"harm": (0.4, 200.0), "safe": (31.0, 100.0)}
    yield MeasureShown(name="feedback", champion=0.871, candidate=0.884, n=(412, 70), **still)
    yield MeasureShown(
        name="answered", champion=1.0, candidate=0.998, n=(8204, 431), harm=(1.0, 200.0), safe=(120.0, 100.0), shown="no harm"
    )


class Holding:
    """Two calls that wait."""

    def __init__(self, words: str = "Refund 240 EUR to order 4711, the customer says it never came.") -> None:
        told = json.dumps({"order": "4711", "amount": 240, "why": words}, indent=1, ensure_ascii=False)
        call = Call(tool="refund", arguments=told, consequence="irreversible")
        one = Held(id="held-aa", created=_ago(minutes=41), tenant="acme", ref="support-answers@1", calls=(call,), question=words)
        self.waits = [replace(one, expires=_ago(hours=-11)), replace(one, id="held-bb", created=_ago(minutes=3))]
        self.over: list[Held] = []

    def waiting(self) -> Sequence[Held]:
        return self.waits

    def decided(self, limit: int) -> Sequence[Held]:
        return self.over[:limit]

    def decide(self, id: str, *, approve: bool, by: str, reason: str) -> str:
        found = next((one for one in self.waits if one.id == id), None)
        if found is None:
            raise UserError(f"{id} was decided meanwhile", hint="Look at what became of it below.")
        state = "approved" if approve else "refused"
        self.waits.remove(found)
        self.over.insert(0, replace(found, state=state, by=by, why=reason, decided=_ago()))
        return f"{id} is {state}."


class Renting:
    """Two tenants."""

    def __init__(self, words: str = "the support desk") -> None:
        key = KeyShown(id="7c21f0aa", tenant="tenant-1", label=words, created=_ago(hours=80), expires=_ago(hours=-400))
        gone = replace(key, id="11aa22bb", ended="revoked")
        limits = (("Questions a minute", "600"), ("Dollars a day", "$20.00"))
        self.rows = [
            TenantShown(id="tenant-1", name="acme", models=("tone", "support-*"), tools=("*",), limits=limits, keys=(key, gone)),
            TenantShown(id="tenant-2", name=words, models=("*",), tools=(), keys=()),
        ]

    def all(self) -> Sequence[TenantShown]:
        return self.rows

    def add(self, name: str, models: Sequence[str], by: str) -> str:
        if any(one.name == name for one in self.rows):
            raise UserError(f"there is a tenant '{name}' already", hint="Choose another name.")
        self.rows.append(TenantShown(id=f"tenant-{len(self.rows) + 1}", name=name, models=tuple(models), tools=("*",)))
        return self.rows[-1].id

    def add_key(self, tenant: str, label: str, by: str) -> str:
        place = next(place for place, one in enumerate(self.rows) if one.id == tenant)
        made = KeyShown(id=f"new{len(self.rows[place].keys)}", tenant=tenant, label=label, created=_ago(), expires=_ago(hours=-9))
        self.rows[place] = replace(self.rows[place], keys=(*self.rows[place].keys, made))
        return "rk-0123456789abcdef-" + "s" * 43

    def revoke(self, key: str, by: str) -> None:
        ended = {one.id: tuple(replace(k, ended="revoked") if k.id == key else k for k in one.keys) for one in self.rows}
        self.rows = [replace(one, keys=ended[one.id]) for one in self.rows]


@dataclass(kw_only=True)
class Talking:
    """Answers word by word; `slow` never ends until nobody hears it any more."""

    words: str = "Complaint: the parcel came late."
    wait_s: float = 0.005
    left: list[str] = field(default_factory=list)

    def ask(self, trial: Trial) -> Said:
        if trial.ref.startswith("nothing"):
            raise UserError(f"no candidate is called '{trial.ref}'", hint="Did you mean 'tone'?")
        began, first = time.monotonic(), 0.0
        for word in [f"{trial.ref} says: ", *(f"{word} " for word in self.words.split(" "))]:
            time.sleep(self.wait_s)
            first = first or time.monotonic() - began
            trial.hear(word)
        while "slow" in trial.question:
            if trial.gone.wait(0.01):
                self.left.append(trial.ref)
                raise UserError("nobody waits any more")
        text = f"{trial.ref} says: {self.words}"
        return Said(text=text, first_s=first, latency_s=time.monotonic() - began, prompt_tokens=41, completion_tokens=9)


def controls(home: Home, words: str = "") -> Controls:
    """Every part; each text of theirs is `words` where some are given."""
    said = [words] if words else []
    return Controls(
        home=home,
        admins=OneAdmin(),
        journal=Asked(*said * 2),
        rollouts=Rolling(**({"words": words} if words else {})),
        holds=Holding(*said),
        tenants=Renting(*said),
        asks=Talking(**({"words": words} if words else {})),
    )


@contextmanager
def serving(what: Controls) -> Iterator[str]:
    """The dashboard on a port of its own; gives its address."""
    import uvicorn

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.listen(64)
        server = uvicorn.Server(uvicorn.Config(build_dashboard(what), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [free]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(10)


def _ago(**since: float) -> str:
    return (datetime.now(UTC) - timedelta(**since)).isoformat(timespec="milliseconds")


if __name__ == "__main__":
    import filled

    from rung.registry.home import open_home

    with open_home(sys.argv[1], write=True) as opened, serving(controls(opened)) as address:
        if not opened.climbs.all():
            filled.fill(opened)
        print(address, KEY, flush=True)
        time.sleep(float(sys.argv[2]) if len(sys.argv) > 2 else 1e6)
