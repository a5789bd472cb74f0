"""A model for commands that serve: it can be slow, and says that it began."""

from __future__ import annotations

from rung.registry.home import Home
from rung.registry.names import Evidence
from rung.types import Candidate

SLOW = """
import pathlib, time


def says(request):
    said = request["messages"][-1]["content"]
    if said.startswith("sleep "):
        pathlib.Path(__file__).with_name("began").touch()
        time.sleep(float(said.removeprefix("sleep ")))
    return said
"""


def register(home: Home, name: str, candidate: Candidate) -> str:
    home.candidates.add(candidate, "")
    return home.names.register(name, candidate.id, Evidence(claimed="of a test"))
