"""What a task file's `tools:` says, turned into what the task locks: each tool's schema and consequence, and digests of its source.

The user's file is only ever run by a worker under guard, also to be described.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rung.engine.tools.sandbox import run_worker
from rung.engine.tools.schema import grammar_fault
from rung.errors import BrokenEnvironment, UserError, did_you_mean
from rung.parts import CallLimits, RecordedResult, Tool, ToolServer, ToolSet
from rung.storage import Blobs

# Imports of the user's file, or an MCP server's start, happen once more here than in a call.
DESCRIBE_S = 30.0
MOST_FILE_BYTES = 32 << 20
# How a worker, and a SyntaxError, end their word: where in the user's file it was.
PLACE = re.compile(r" \([^()]+, line (\d+)\)$")


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a task file says of its tools. `files` and those `beside` them are relative to the task file's folder.

    `leave_out_bad` goes on without a tool that cannot be used; else it is refused.
    """

    files: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    servers: tuple[ToolServer, ...] = ()
    unattended: tuple[str, ...] = ("read",)
    consequences: Mapping[str, str] = field(default_factory=dict)
    limits: CallLimits = field(default_factory=CallLimits)
    recorded: tuple[RecordedResult, ...] = ()
    leave_out_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class _Bad:
    """A tool that cannot be used."""

    name: str
    where: str
    fault: str


def declare(said: Declaration, folder: Path) -> ToolSet:
    """The value of Task.tools.

    Raises UserError for a file or server that cannot be used, or two tools of one name.
    """
    digests = _digests([*said.files, *said.beside], folder)
    found, bad = _of_files(said, folder)
    servers = tuple(_of_server(server, folder, said.limits, found) for server in said.servers)
    found, odd = _usable(found)
    bad += odd
    if bad and not (said.leave_out_bad and found):
        raise _refusal(bad, folder)
    _refuse_twins(found)
    if not found:
        raise UserError("no tool was found", where="tools", hint="Public functions of the file are tools.")
    _set_consequences(found, said, [tool.name for tool in bad])
    _refuse_none_that_runs(found, said)
    return ToolSet(
        tools=tuple(_tool(tool) for tool in found),
        digests=digests,
        servers=servers,
        unattended=tuple(sorted(said.unattended)),
        limits=said.limits,
        recorded=said.recorded,
        left_out=tuple(f"{tool.name} ({tool.where}): {tool.fault}" for tool in bad),
    )


def _usable(found: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[_Bad]]:
    """Those whose calls a grammar can hold a model to, and the others."""
    kept, bad = [], []
    for tool in found:
        if fault := grammar_fault(tool):
            bad.append(_Bad(name=tool["name"], where=tool["from"], fault=f"its calls cannot be constrained to its schema: {fault}"))
        else:
            kept.append(tool)
    return kept, bad


def _refusal(bad: Sequence[_Bad], folder: Path) -> UserError:
    first, *others = bad
    more = [f"{tool.where}: the tool '{tool.name}' cannot be used: {tool.fault}" for tool in others]
    return UserError(
        "\n  ".join([f"the tool '{first.name}' cannot be used: {first.fault}", *more]),
        where=first.where if first.where.startswith("mcp:") else str(folder / first.where),
        hint="Mend it (every argument has a name, and an annotation of a type that JSON can give), or let its name begin with _, "
        "which is no tool. `bad_tools: leave out` under tools goes on without it, and says so.",
    )


def _set_consequences(found: Sequence[dict[str, Any]], said: Declaration, left: Sequence[str]) -> None:
    known = [tool["name"] for tool in found]
    for name in said.consequences:
        if name not in [*known, *left]:
            raise UserError(f"no tool is called '{name}'", where="tools.consequences", hint=did_you_mean(name, known))
    for tool in found:
        tool["consequence"] = said.consequences.get(tool["name"], tool["consequence"])


def _tool(said: Mapping[str, Any]) -> Tool:
    return Tool(
        name=said["name"],
        description=said["description"],
        parameters=said["parameters"],
        consequence=said["consequence"],
        origin=said["from"],
    )


def bundle(tools: ToolSet, folder: Path, blobs: Blobs, work: Path) -> str | None:
    """The digest of a tree with the tools' files, as they were when the task was locked; None where there are only servers.

    Raises UserError where a file has changed since.
    """
    if not tools.digests:
        return None
    if _digests(list(tools.digests), folder) != tools.digests:
        raise UserError("the tools' files have changed since the task was locked", where=str(folder), hint="Run the command again.")
    draft = work / "tools"
    shutil.rmtree(draft, ignore_errors=True)
    _copy(tools.digests, folder, draft)
    return blobs.put_tree(draft)


def server_job(server: ToolServer) -> dict[str, Any]:
    """A server as its worker is told of it."""
    told = {"name": server.name, "command": list(server.command) if server.command else None, "url": server.url}
    return {key: value for key, value in told.items() if value is not None}


def environment_of(server: ToolServer) -> dict[str, str]:
    """The variables that the task names for a server, as they are here; no others are handed on."""
    missing = [name for name in server.env if name not in os.environ]
    if missing:
        raise BrokenEnvironment(f"the environment variable {missing[0]} is not set", where=f"tools: {server.name}")
    return {name: os.environ[name] for name in server.env}


def _digests(names: Sequence[str], folder: Path) -> dict[str, str]:
    found = {}
    outside = [name for name in names if Path(name).is_absolute() or ".." in Path(name).parts]
    if outside:
        raise UserError(f"'{outside[0]}' is not beside the task file", where="tools", hint="Give a path below the task's folder.")
    for name in names:
        path = folder / name
        if not path.is_file():
            raise UserError("there is no such file", where=str(path), hint="Name a Python file beside the task file.")
        if path.stat().st_size > MOST_FILE_BYTES:
            raise UserError(f"a tool's file may have at most {MOST_FILE_BYTES >> 20} MiB", where=str(path))
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _copy(names: Iterable[str], folder: Path, to: Path) -> None:
    for name in names:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, to / name)


def _of_files(said: Declaration, folder: Path) -> tuple[list[dict[str, Any]], list[_Bad]]:
    found: list[dict[str, Any]] = []
    bad: list[_Bad] = []
    with tempfile.TemporaryDirectory(prefix="rung-tools-") as stage:
        _copy([*said.files, *said.beside], folder, Path(stage))
        for name in said.files:
            job = {"mode": "describe", "file": name}
            outcome = run_worker("python_worker", job, Path(stage), said.limits, seconds=max(DESCRIBE_S, said.limits.seconds))
            if outcome.fault:
                place = PLACE.search(outcome.fault)
                raise UserError(
                    f"the tools cannot be read: {PLACE.sub('', outcome.fault)}",
                    where=f"{folder / name}:{place[1]}" if place else str(folder / name),
                    hint="The file must import by itself, here, and each public function is a tool, with every argument annotated.",
                )
            found += [{**tool, "from": name} for tool in outcome.value["tools"]]
            bad += [
                _Bad(name=tool["name"], where=f"{name}:{tool['line']}" if tool["line"] else name, fault=tool["fault"])
                for tool in outcome.value["faults"]
            ]
    return found, bad


def _of_server(server: ToolServer, folder: Path, limits: CallLimits, found: list[dict[str, Any]]) -> ToolServer:
    """The server with its tools' digest; its tools are added to `found`."""
    where = f"tools: the MCP server '{server.name}'"
    located = replace(server, command=tuple(_beside(part, folder) for part in server.command)) if server.command else server
    job = {"mode": "describe", "server": server_job(located), "env": environment_of(server)}
    outcome = run_worker("mcp_worker", job, None, limits, seconds=max(DESCRIBE_S, limits.seconds))
    if "package 'mcp' is missing" in outcome.fault:
        raise BrokenEnvironment(outcome.fault, where=where, hint="Install the extra: pip install 'rung[mcp]'.")
    if outcome.fault:
        raise UserError(
            f"it does not answer: {outcome.fault}", where=where, hint="Check its command or address; start it if it runs by itself."
        )
    found += [{**tool, "from": f"mcp:{server.name}"} for tool in outcome.value["tools"]]
    return replace(located, digest=outcome.value["digest"])


def _beside(part: str, folder: Path) -> str:
    """An argument that names a file of the task's folder, with its whole path: the server starts in an empty folder.

    Links stay links: what a virtual environment's `python` is depends on where it is called from.
    """
    path = folder / part
    return str(path.absolute()) if not Path(part).is_absolute() and path.is_file() else part


def _refuse_none_that_runs(found: Sequence[Mapping[str, Any]], said: Declaration) -> None:
    """Raises UserError where no tool could ever give a result, and that not because its author says so."""
    idle = [tool["name"] for tool in found if tool["consequence"] not in said.unattended]
    silent = [tool["name"] for tool in found if not tool.get("stated", True) and tool["name"] not in said.consequences]
    if len(idle) == len(found) and silent and not said.recorded:
        raise UserError(
            f"no tool would ever be run: no consequence is stated by {', '.join(silent)}, which counts as irreversible",
            where="tools",
            hint="Write a line `Consequence: read` into the docstring of each function that changes nothing.",
        )


def _refuse_twins(found: Sequence[Mapping[str, Any]]) -> None:
    seen: dict[str, str] = {}
    for tool in found:
        if tool["name"] in seen:
            raise UserError(f"two tools are called '{tool['name']}': in {seen[tool['name']]} and {tool['from']}", where="tools")
        seen[tool["name"]] = tool["from"]
