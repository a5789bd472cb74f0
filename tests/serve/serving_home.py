"""A home with a Candidate of every kind on one tiny base, and servers over it on a port of this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_adapter import make_tiny_adapter
from tiny_encoder import make_transformer

from rung.engine.demos import pool_bytes
from rung.engine.linear import Field, LinearModel, save
from rung.engine.retrieval.index import store_index
from rung.parts import (
    Calibration,
    CallConstraint,
    ChoiceConstraint,
    Demonstrations,
    Retrieval,
    SchemaConstraint,
    Tool,
    ToolSet,
    ToolUse,
)
from rung.progress import Silent
from rung.registry.home import Home
from rung.registry.names import Evidence
from rung.serve.app import build_app
from rung.serve.door import Door
from rung.serve.running import listen, server_for
from rung.types import Candidate, Example

ANSWER_FORM = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}, "word": {"enum": ["yes", "no"]}},
    "required": ["sure", "word"],
}
# Says what the last message asks it to say.
SCRIPT = """
def says(request):
    said = request["messages"][-1]["content"] or ""
    if said == "fail":
        raise RuntimeError("at /etc/secret/place.py")
    if said == "silent":
        return {"text": "", "finish_reason": "error", "fault": "the server at /etc/secret fell over"}
    figures = {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 2}
    limit = {"finish_reason": "length"} if request["max_tokens"] == 1 else {}
    return {"text": said.removeprefix("SAY ").replace("TEMPERATURE", str(request["temperature"])), **figures, **limit}
"""
TOOLS = '''
def twice(number: int) -> int:
    """Twice a number."""
    return 2 * number


def wipe(name: str) -> str:
    """Wipes a disk."""
    raise RuntimeError("it ran")
'''


def row(question: str, answer: str) -> Example:
    return Example(id=question[:8], messages=({"role": "user", "content": question},), target=answer)


def register(home: Home, name: str, candidate: Candidate) -> str:
    home.candidates.add(candidate, "")
    return home.names.register(name, candidate.id, Evidence(claimed="of a test"))


def plain(base: str, template: str = "", **fields: Any) -> Candidate:
    told = {"rung": "r1_prompt", "base": base, "template": template, "prompt": "Reply with one word.", "max_tokens": 12}
    return Candidate(**(told | fields))


def linear_base(home: Home) -> str:
    import numpy as np

    terms = {"word": ["bad", "good", "good day"], "char": [" g", "ba", "oo"]}
    weights = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    fields = (Field(name=None, classes=("no", "perhaps", "yes"), weights=weights, intercept=np.zeros(3, np.float32), scale=1.5),)
    folder = home.path / "linear"
    save(LinearModel(terms=terms, idf={kind: np.linspace(1.0, 1.4, 3) for kind in terms}, fields=fields), folder)
    return f"linear:{home.blobs.put_tree(folder)}"


def index_of(home: Home, texts: Sequence[str]) -> str:
    passages: list[Mapping[str, Any]] = [
        {"id": f"{place:08x}", "source": f"{place}.md", "headings": [], "start": 0, "end": len(text), "text": text}
        for place, text in enumerate(texts)
    ]
    return store_index(passages, None, home.blobs, Silent())


def dense(home: Home) -> Retrieval:
    from rung.engine.retrieval.encoders import open_encoder

    encoder = open_encoder(str(make_transformer(home.path / "encoder")), home.path)
    passages: list[Mapping[str, Any]] = [
        {"id": "00000000", "source": "a.md", "headings": [], "start": 0, "end": 19, "text": "the gate opens, nine"}
    ]
    index = store_index(passages, encoder, home.blobs, Silent())
    return Retrieval(index=index, mode="dense", k=1, form="question_last", encoder=encoder.reference)


def tool_use(home: Home) -> ToolUse:
    folder = home.path / "tools"
    folder.mkdir()
    (folder / "tools.py").write_text(TOOLS)
    number = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
    named = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    tools = (
        Tool(name="twice", description="Twice a number.", parameters=number, consequence="read", origin="tools.py"),
        Tool(name="wipe", description="Wipes a disk.", parameters=named, consequence="irreversible", origin="tools.py"),
    )
    return ToolUse(toolset=ToolSet(tools=tools), files=home.blobs.put_tree(folder), steps=1, forced=1)


def every_kind(home: Home, base_folder: Path) -> dict[str, Candidate]:
    """A Candidate of every kind, registered under the word for it."""
    from rung.engine.bases.resolve import resolve

    found = resolve(str(base_folder), home.path)
    base, template = found.pinned, found.template_digest
    rows = [row("Is it good?", "yes"), row("Is it bad?", "no"), row("Is it late?", "no")]
    pool = home.blobs.put_bytes(pool_bytes(rows, lambda one: str(one.target)))
    adapters = {
        name: home.blobs.put_tree(make_tiny_adapter(base_folder, home.path / name, facts={"of": name}, rank=rank))
        for name, rank in (("one", 2), ("two", 4))
    }
    held = ChoiceConstraint(choices=("yes", "no", "perhaps"))
    kinds = {
        "plain": plain(base, template),
        "shown": plain(base, template, demonstrations=Demonstrations(pool=pool, k=1, shared=1)),
        "held": plain(base, template, constraint=held),
        "calibrated": plain(
            base, template, constraint=held, calibration=Calibration(bias={"yes": 0.5, "no": 0.1, "perhaps": -0.2})
        ),
        "formed": plain(base, template, constraint=SchemaConstraint(schema=ANSWER_FORM), max_tokens=40),
        "calling": plain(base, template, constraint=CallConstraint(), max_tokens=60),
        "documents": plain(
            base,
            template,
            rung="r2_retrieve",
            retrieval=Retrieval(
                index=index_of(home, ["The gate opens at nine.", "Gates close."]), mode="lexical", k=2, form="cited"
            ),
        ),
        "tooled": plain(base, template, rung="r3_tools", tools=tool_use(home)),
        "tuned": plain(base, template, rung="r4_adapter", adapters=(adapters["one"],)),
        "other": plain(base, template, rung="r4_adapter", adapters=(adapters["two"],)),
        "linear": Candidate(rung="r0_linear", base=linear_base(home)),
    }
    kinds["dense"] = plain(base, template, rung="r2_retrieve", retrieval=dense(home))
    (home.path / "script.py").write_text(SCRIPT)
    script = resolve(f"scripted:{home.path / 'script.py'}#says", home.path).pinned
    kinds["script"] = Candidate(rung="r1_prompt", base=script, max_tokens=50)
    kinds["calls"] = Candidate(rung="r1_prompt", base=script, max_tokens=50, constraint=CallConstraint())
    for name, candidate in kinds.items():
        register(home, name, candidate)
    return kinds


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that answers."""

    door: Door
    url: str
    port: int


@contextmanager
def serving(door: Door, app: Any = None) -> Iterator[Running]:
    """Over HTTP, on a free port, in a thread of this process."""
    listens = listen("127.0.0.1", 0, keys=False)
    server = server_for(app or build_app(door), door)
    thread = threading.Thread(target=lambda: server.run(sockets=[listens]), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = listens.getsockname()[1]
    try:
        yield Running(door=door, url=f"http://127.0.0.1:{port}", port=port)
    finally:
        server.should_exit = True
        thread.join(20)
        listens.close()
        door.close()
