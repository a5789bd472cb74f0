"""Questions and answers as they could be, for rails and stacks without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rung.engine.tools.declare import Declaration, declare
from rung.parts import ToolUse
from rung.registry.home import Home
from rung.registry.names import Evidence
from rung.serve.types import Asked, Served, StackedAdapter, Tenant
from rung.types import Answer, Candidate

BASE = "folder@sha256:" + "ab" * 32
TOOLS = '''
from pathlib import Path

def look(item: str) -> str:
    """Looks at an item.

    Consequence: read
    """
    return "here"

def sell(item: str) -> str:
    """Sells an item."""
    with open(MARK, "a") as file:
        file.write(item + ".")
    return "sold " + item
'''
SHOP, OTHER = Tenant(id="t1", name="shop"), Tenant(id="t2", name="other")


def asked(text: str = "Hello?", **more: Any) -> Asked:
    given: dict[str, Any] = {
        "id": "chatcmpl-1",
        "tenant": SHOP,
        "endpoint": "chat",
        "model": "desk",
        "messages": ({"role": "user", "content": text},),
    }
    return Asked(**{**given, **more})


def stack(**weights: float) -> tuple[StackedAdapter, ...]:
    return tuple(StackedAdapter(id=name, weight=weight) for name, weight in weights.items())


def candidate(**more: Any) -> Candidate:
    return Candidate(**{"rung": "r1_prompt", "base": BASE, "prompt": "Be kind.", **more})


def registered(home: Home, name: str, **more: Any) -> Served:
    one = candidate(**more)
    home.candidates.add(one, "")
    return served(home, home.names.register(name, one.id, Evidence(claimed="of a test")))


def served(home: Home, ref: str) -> Served:
    version = home.names.find(ref)
    assert version is not None
    return Served(
        ref=version.ref,
        name=version.name,
        version=version.version,
        candidate=home.candidates.get(version.candidate),
        task=version.evidence.task,
    )


def said(text: str, **more: Any) -> Answer:
    return Answer(text=text, **more)


def shop_tools(home: Home, mark: Path) -> ToolUse:
    """Tools of a shop; `mark` is where a sale is written down."""
    folder = home.path / "shop"
    folder.mkdir()
    (folder / "tools.py").write_text(TOOLS.replace("MARK", repr(str(mark))))
    toolset = declare(Declaration(files=("tools.py",)), folder)
    return ToolUse(toolset=toolset, files=home.blobs.put_tree(folder), steps=3)
