"""Candidates hold frozen classes in the place of dicts: demonstrations, retrieval and tools have other keys, and ids follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from rung.registry.migrations.rewrite import rewrite_candidates

RENAMED = {"demos": "demonstrations", "retriever": "retrieval"}
LIMITS = {
    "seconds": 10.0,
    "memory_mb": 512,
    "output_kb": 256,
    "processes": 8,
    "result_characters": 2000,
    "total_seconds": 60.0,
}


def up(connection: Connection) -> None:
    """Every stored candidate in its new form."""
    rewrite_candidates(connection, in_classes)


def in_classes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A candidate's fields of before in the form of now; those of now are left as they are."""
    found = {RENAMED.get(key, key): value for key, value in fields.items()}
    if found.get("retrieval"):
        found["retrieval"] = dict.fromkeys(("abstain", "encoder", "reranker")) | dict(found["retrieval"])
    if found.get("tools") and "toolset" not in found["tools"]:
        found["tools"] = _tools(found["tools"])
    return found


def _tools(before: Mapping[str, Any]) -> dict[str, Any]:
    rules = before.get("gate", {})
    tools = [
        {**tool, "consequence": rules[tool["name"]]["consequence"], "origin": rules[tool["name"]]["from"]}
        for tool in before.get("list", ())
    ]
    return {
        "toolset": {
            "tools": tools,
            "digests": before.get("digests", {}),
            "servers": [_server(server) for server in before.get("servers", ())],
            "unattended": before.get("unattended", ["read"]),
            "limits": LIMITS | before.get("limits", {}),
            "recorded": before.get("recorded", []),
        },
        "files": before.get("files"),
        "steps": before.get("steps", 1),
        "forced": before.get("forced", 0),
    }


def _server(before: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": before["name"], "digest": "", "command": None, "url": None, "env": []} | dict(before)
