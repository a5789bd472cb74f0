"""Runs inside the guard: lists an MCP server's tools, or calls them. Reads a job from standard input, writes one JSON object.

The client is the official `mcp` package's. A server whose tools are not those that the task locked is not called at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from typing import Any


def main() -> None:
    """What the client library prints goes nowhere: only the answer reaches Rung."""
    job = json.loads(sys.stdin.buffer.read())
    channel = os.dup(1)
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        os.dup2(os.open(os.devnull, flags), number)
    told: list[dict[str, Any]] = []
    try:
        said = asyncio.run(_serve(job, told))
    except ImportError as error:
        said = {"error": f"the package 'mcp' is missing ({error})"}
    except BaseException as error:
        # A server that breaks when it is left has answered all the same.
        said = {"result": told} if told else {"error": _reason(error)}
    with os.fdopen(channel, "wb") as out:
        out.write(json.dumps(said).encode())
        out.flush()
        os._exit(0)


def _reason(error: BaseException) -> str:
    """The innermost of grouped errors: that a task group failed tells nobody anything."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:400]


async def _serve(job: dict[str, Any], told: list[dict[str, Any]]) -> dict[str, Any]:
    """`told` takes what came of each call; there are fewer of them than calls where the session did not outlive the last one."""
    from mcp import Client, StdioServerParameters, stdio_client

    server = job["server"]
    if "url" in server:
        where: Any = server["url"]
    else:
        command = server["command"]
        where = stdio_client(StdioServerParameters(command=command[0], args=command[1:], env=job["env"], cwd=job["cwd"]))
    async with Client(where) as client:
        tools = await _tools(client)
        # The digest of rung.types.digest, made again here: a worker imports nothing of Rung.
        text = json.dumps(tools, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        found = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if job["mode"] == "describe":
            return {"result": {"tools": tools, "digest": found}}
        if found != job["digest"]:
            return {"error": "the server's tools are no longer those that the task was locked with"}
        for call in job["calls"]:
            began = time.monotonic()
            said, goes_on = await _call(client, call, job)
            told.append({**said, "seconds": time.monotonic() - began})
            if not goes_on:
                break
        return {"result": told}


async def _tools(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(20):
        page = await client.list_tools(cursor=cursor)
        found += [_tool(tool.model_dump(mode="json", by_alias=True, exclude_none=True)) for tool in page.tools]
        cursor = page.next_cursor
        if not cursor:
            break
    return sorted(found, key=lambda tool: tool["name"])


def _tool(raw: dict[str, Any]) -> dict[str, Any]:
    """The server's own word on consequences: a hint by the protocol's rules, which the task locks and its file can overrule."""
    hints = raw.get("annotations") or {}
    gentle = "reversible" if hints.get("destructiveHint") is False else "irreversible"
    return {
        "name": raw["name"],
        "description": raw.get("description") or raw.get("title") or "",
        "parameters": raw.get("inputSchema") or {"type": "object", "properties": {}},
        "consequence": "read" if hints.get("readOnlyHint") else gentle,
    }


async def _call(client: Any, call: dict[str, Any], job: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """(what came of it, whether the session can go on)"""
    from mcp import MCPError
    from mcp.types import CONNECTION_CLOSED

    try:
        answer = await asyncio.wait_for(client.call_tool(call["name"], call["arguments"]), job["seconds"])
    except TimeoutError:
        return {"error": f"the tool took more than {job['seconds']:g} seconds"}, False
    except MCPError as error:
        return {"error": _reason(error)}, error.code != CONNECTION_CLOSED
    except Exception as error:
        return {"error": _reason(error)}, False
    said = _told(answer.model_dump(mode="json", by_alias=True, exclude_none=True))
    if len(json.dumps(said)) > job["most_kb"] << 10:
        said = {"error": f"the tool wrote more than {job['most_kb']} KiB"}
    return said, True


def _told(raw: dict[str, Any]) -> dict[str, Any]:
    """Structured content where there is some, else what its parts say: text as it stands, or the object or list that it is."""
    parts = raw.get("content") or []
    if raw.get("isError"):
        return {"error": "\n".join(map(_part, parts))[:400] or "the tool failed"}
    if "structuredContent" in raw:
        value = raw["structuredContent"]
        value = value["result"] if isinstance(value, dict) and list(value) == ["result"] else value
        # Text says the same once more; what is of another kind says more.
        more = [_part(part) for part in parts if part.get("type") != "text"]
        return {"result": {"result": value, "content": more} if more else value}
    return {"result": _read("\n".join(map(_part, parts)))}


def _part(part: dict[str, Any]) -> str:
    """One part in words: what a model that reads text cannot be shown is told, not dropped."""
    kind = part.get("type")
    if kind == "text":
        return str(part.get("text", ""))
    if kind in ("image", "audio"):
        return f"[{kind}, {part.get('mimeType', 'unknown type')}, {_kilobytes(part.get('data'))}: not shown]"
    if kind == "resource":
        held = part.get("resource") or {}
        if "text" in held:
            return str(held["text"])
        return (
            f"[{held.get('uri', 'a resource')}, {held.get('mimeType', 'unknown type')}, {_kilobytes(held.get('blob'))}: not shown]"
        )
    if kind == "resource_link":
        words = [part.get("title") or part.get("name"), part.get("uri"), part.get("description")]
        return " - ".join(str(word) for word in words if word)
    return json.dumps(part, ensure_ascii=False, sort_keys=True)


def _kilobytes(encoded: Any) -> str:
    """Base64 writes three bytes as four characters."""
    return f"{len(encoded) * 3 / 4096:.1f} KiB" if isinstance(encoded, str) else "empty"


def _read(text: str) -> Any:
    """The object or list that a text is in JSON, where nothing is lost by reading it.

    A bare number is left as it was written: 1e5, 007 and an order's twenty digits are names as often as numbers.
    """
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_exactly)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("two values have one key")
    return found


def _no_number(written: str) -> Any:
    raise ValueError(f"{written} is no JSON")


def _exactly(written: str) -> float:
    value = float(written)
    if value - value != 0:
        raise ValueError(f"{written} is too large")
    return value


if __name__ == "__main__":
    main()
