"""What a version before wrote of demonstrations, documents and tools is read as the classes of now."""

from __future__ import annotations

from rung.json_form import as_json, from_json
from rung.parts import CallLimits, Demonstrations, RecordedResult, Retrieval, Tool, ToolServer
from rung.registry.migrations.s003_candidates_of_classes import in_classes
from rung.types import Candidate

PRICE = {"name": "price", "description": "A price.", "parameters": {"type": "object", "properties": {"b": {}, "a": {}}}}
BEFORE = {
    "rung": "r3_tools",
    "base": "pip:llm@sha256:00",
    "template": "81",
    "prompt": "P",
    "demos": {"pool": "a" * 64, "k": 4},
    "constraint": {"kind": "json_schema", "schema": {"type": "integer"}},
    "calibration": None,
    "retriever": {"index": "b" * 64, "mode": "lexical", "k": 2, "form": "cited"},
    "tools": {
        "list": [PRICE],
        "gate": {"price": {"consequence": "read", "from": "mcp:shop"}},
        "digests": {},
        "servers": [{"name": "shop", "command": ["python", "server.py"], "digest": "c" * 64}],
        "unattended": ["read"],
        "limits": {"seconds": 3.0},
        "recorded": [{"name": "price", "arguments": {"item": "lamp"}, "result": 4}],
        "files": None,
        "steps": 2,
        "forced": 1,
    },
    "adapters": ["d" * 64],
    "max_tokens": 20,
    "parent": None,
}


def test_every_part_is_read_as_what_it_was() -> None:
    candidate = from_json(Candidate, in_classes(BEFORE))
    assert candidate.demonstrations == Demonstrations(pool="a" * 64, k=4)
    assert candidate.retrieval == Retrieval(index="b" * 64, mode="lexical", k=2, form="cited")
    assert candidate.tools is not None and (candidate.tools.steps, candidate.tools.forced) == (2, 1)
    toolset = candidate.tools.toolset
    assert toolset.tools == (
        Tool(name="price", description="A price.", parameters=PRICE["parameters"], consequence="read", origin="mcp:shop"),
    )
    assert toolset.servers == (ToolServer(name="shop", digest="c" * 64, command=("python", "server.py")),)
    assert toolset.limits == CallLimits(seconds=3.0)
    assert toolset.recorded == (RecordedResult(name="price", arguments={"item": "lamp"}, result=4),)
    assert list(toolset.tools[0].parameters["properties"]) == ["b", "a"], "the order in which a model writes them"


def test_what_is_of_now_stays() -> None:
    now = as_json(from_json(Candidate, in_classes(BEFORE)))
    assert in_classes(now) == now
