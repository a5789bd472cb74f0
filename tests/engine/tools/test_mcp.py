"""MCP servers: used over both transports, and absent, slow or changed ones reported."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("mcp")

from rung.calls import Call
from rung.engine.tools.box import Box
from rung.engine.tools.declare import Declaration, declare
from rung.errors import BrokenEnvironment, UserError
from rung.parts import CallLimits, ToolServer

SERVER = '''
import os, sys, time
from pathlib import Path
from mcp.server.mcpserver import MCPServer
from mcp.types import (
    BlobResourceContents, CallToolResult, EmbeddedResource, ImageContent, ResourceLink, TextContent,
    TextResourceContents, ToolAnnotations,
)

server = MCPServer("shop")

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def price(item: str) -> int:
    """The price of an item."""
    if item == "slow":
        time.sleep(600)
    if item == "die":
        os._exit(3)
    if item == "none":
        raise ValueError("no such item")
    return len(item)

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def shout() -> str:
    """Says too much."""
    return "x" * 9000

@server.tool()
def buy(item: str) -> str:
    """Buys an item."""
    return "bought"

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def token() -> str:
    """The environment."""
    return str(dict(os.environ))

@server.tool(annotations=ToolAnnotations(read_only_hint=True), structured_output=False)
def show(what: str) -> list:
    """Something to see."""
    if what == "number":
        return [TextContent(type="text", text="1e5")]
    if what == "object":
        return [TextContent(type="text", text='{"id": 12345678901234567890, "price": 1.50}')]
    if what == "twice":
        return [TextContent(type="text", text='{"a": 1, "a": 2}')]
    if what == "large":
        return [TextContent(type="text", text='[1e999, NaN]')]
    if what == "image":
        return [TextContent(type="text", text="A map:"), ImageContent(type="image", data="AAAA" * 512, mime_type="image/png")]
    if what == "page":
        page = TextResourceContents(uri="file:///notes.txt", mime_type="text/plain", text="Closed on Mondays.")
        return [EmbeddedResource(type="resource", resource=page)]
    if what == "bytes":
        blob = BlobResourceContents(uri="file:///plan.pdf", mime_type="application/pdf", blob="AAAA" * 1024)
        return [EmbeddedResource(type="resource", resource=blob)]
    return [ResourceLink(type="resource_link", name="Terms", uri="https://example.org/terms", description="as of May")]

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def chart(points: int) -> CallToolResult:
    """A chart, and its figures."""
    picture = ImageContent(type="image", data="AAAA" * 1024, mime_type="image/png")
    return CallToolResult(content=[TextContent(type="text", text="{}"), picture], structured_content={"points": points})

@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def eat(mebibytes: int) -> int:
    """Takes memory."""
    held = bytearray(mebibytes << 20)
    time.sleep(1)
    return len(held)

if Path(__file__).with_name("changed").exists():
    @server.tool()
    def extra() -> int:
        """Was not there before."""
        return 1

if len(sys.argv) > 1:
    server.run("streamable-http", port=int(sys.argv[1]))
else:
    server.run()
'''


def said(**server) -> Declaration:
    parts = {key: tuple(value) if isinstance(value, list) else value for key, value in server.items()}
    return Declaration(servers=(ToolServer(name="shop", **parts),), limits=CallLimits(seconds=3.0))


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "server.py").write_text(SERVER)
    return tmp_path


def test_a_server_over_standard_input_and_output(folder, monkeypatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "granted")
    monkeypatch.setenv("RUNG_API_KEY", "hunter2")
    tools = declare(said(command=[sys.executable, "server.py"], env=["SHOP_TOKEN"]), folder)
    assert [tool.name for tool in tools.tools] == ["buy", "chart", "eat", "price", "shout", "show", "token"]
    assert {tool.name: tool.consequence for tool in tools.tools} == {
        "chart": "read",
        "eat": "read",
        "price": "read",
        "shout": "read",
        "show": "read",
        "token": "read",
        "buy": "irreversible",
    }
    box = Box(tools=tools, files=None)
    found = box.perform(
        [
            Call(name="price", arguments={"item": "lamp"}),
            Call(name="buy", arguments={"item": "lamp"}),
            Call(name="price", arguments={"item": "none"}),
            Call(name="price", arguments={"thing": "lamp"}),
            Call(name="token", arguments={}),
        ]
    )
    assert [call["outcome"] for call in found] == ["ran", "queued", "failed", "refused", "ran"]
    assert found[0]["result"] == 4 and "price" in found[2]["reason"]
    assert "granted" in found[4]["result"] and "hunter2" not in found[4]["result"]
    (folder / "changed").touch()
    changed = box.perform([Call(name="price", arguments={"item": "lamp"})])[0]
    assert changed["outcome"] == "failed" and "no longer those that the task was locked with" in changed["reason"]


def test_a_call_that_hangs_crashes_or_shouts_fails_alone(folder) -> None:
    """Rows are asked in batches, in one session with the server: what one row's call does to it must not reach another's."""
    tools = declare(said(command=[sys.executable, "server.py"]), folder)
    box = Box(tools=replace(tools, limits=CallLimits(seconds=3.0, output_kb=1)), files=None)
    calls = [Call(name="price", arguments={"item": item}) for item in ("desk", "slow", "lamp", "die", "vase")]
    found = box.perform([*calls, Call(name="shout", arguments={}), *calls[:1]])
    assert [call["outcome"] for call in found] == ["ran", "failed", "ran", "failed", "ran", "failed", "ran"]
    assert "more than 3 seconds" in found[1]["reason"] and "wrote more than 1 KiB" in found[5]["reason"]
    assert found[1]["seconds"] >= 3.0 and all(call["seconds"] > 0 for call in found)


def test_results_of_every_kind_are_read_or_told(folder) -> None:
    box = Box(tools=declare(said(command=[sys.executable, "server.py"]), folder), files=None)
    whats = ("number", "object", "twice", "large", "image", "page", "bytes", "link")
    found = dict(zip(whats, box.perform([Call(name="show", arguments={"what": what}) for what in whats]), strict=True))
    assert {what: call.get("result") for what, call in found.items()} == {
        "number": "1e5",
        "object": {"id": 12345678901234567890, "price": 1.5},
        "twice": '{"a": 1, "a": 2}',
        "large": "[1e999, NaN]",
        "image": "A map:\n[image, image/png, 1.5 KiB: not shown]",
        "page": "Closed on Mondays.",
        "bytes": "[file:///plan.pdf, application/pdf, 3.0 KiB: not shown]",
        "link": "Terms - https://example.org/terms - as of May",
    }
    drawn = box.perform([Call(name="chart", arguments={"points": 3.0})])[0]["result"]
    assert drawn == {"result": {"points": 3}, "content": ["[image, image/png, 3.0 KiB: not shown]"]}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_server_that_takes_too_much_memory_is_ended(folder) -> None:
    tools = declare(said(command=[sys.executable, "server.py"]), folder)
    box = Box(tools=replace(tools, limits=CallLimits(seconds=5.0, memory_mb=256)), files=None)
    greedy, modest = (box.perform([Call(name="eat", arguments={"mebibytes": size})])[0] for size in (2048, 8))
    assert greedy["outcome"] == "failed" and "more than 256 MiB of memory" in greedy["reason"]
    assert modest["result"] == 8 << 20


@contextlib.contextmanager
def served(folder: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "server.py", str(port)], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def test_a_server_over_http_and_its_absence(folder) -> None:
    with served(folder) as url:
        tools = declare(said(url=url), folder)
        box = Box(tools=tools, files=None)
        assert box.perform([Call(name="price", arguments={"item": "desk"})])[0]["result"] == 4
    gone = box.perform([Call(name="price", arguments={"item": "desk"})])[0]
    assert gone["outcome"] == "failed" and gone["reason"]
    with pytest.raises(UserError, match=r"(?s)MCP server 'shop'.*does not answer"):
        declare(said(url=url), folder)


def test_a_server_that_is_not_there(folder, monkeypatch) -> None:
    with pytest.raises(UserError, match=r"(?s)MCP server 'shop'.*does not answer.*No such file"):
        declare(said(command=["no-such-server"]), folder)
    monkeypatch.setattr("rung.engine.tools.declare.DESCRIBE_S", 3.0)
    with pytest.raises(UserError, match="more than 3 seconds"):
        declare(said(command=["sleep", "100"]), folder)
    assert "NOT_SET_ANYWHERE" not in os.environ
    with pytest.raises(BrokenEnvironment, match="NOT_SET_ANYWHERE is not set"):
        declare(said(command=["x"], env=["NOT_SET_ANYWHERE"]), folder)
