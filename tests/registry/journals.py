"""Answers of a server as the journal takes them, small."""

from __future__ import annotations

from rung.registry.home import Home
from rung.registry.processes import Process, this_process
from rung.registry.segments import Head
from rung.registry.served import Begun, Ended, Making


def a_making(ref: str = "spam@1", adapter: str = "a" * 64, weight: float = 1.0) -> Making:
    return Making(
        ref=ref, candidate="c" * 64, base="pip:llm@sha256:00", template="t" * 64, engine="local 1", adapters=((adapter, weight),)
    )


def a_beginning(id: str, tenant: str = "tenant-a", *, making: Making | None = None, **fields: object) -> Begun:
    made = making or a_making()
    usual = {"key": "k" * 16, "endpoint": "chat", "model": "spam", "ref": made.ref, "making": made, "question": "q" * 64}
    return Begun(**{"id": id, "tenant": tenant, **usual, **fields})  # type: ignore[arg-type]


def an_end(id: str, ending: str = "answered", **fields: object) -> Ended:
    usual = {"status": 200, "answer": "b" * 64, "prompt_tokens": 7, "completion_tokens": 3, "latency_s": 0.5}
    return Ended(**{"id": id, "ending": ending, **usual, **fields})  # type: ignore[arg-type]


def a_server(home: Home, process: Process | None = None) -> Head:
    return home.segments.begin(process or this_process(), "1.0")


def a_dead_process() -> Process:
    """One of this machine and boot whose number nobody has."""
    here = this_process()
    return Process(pid=2**22 - 3, host=here.host, started=here.started)


def answered(home: Home, head: Head, *ids: str, **fields: object) -> Head:
    """Begins and ends each."""
    for id in ids:
        head = home.served.begin(head, a_beginning(id, **fields))  # type: ignore[arg-type]
        head = home.served.end(head, an_end(id))
    return head
