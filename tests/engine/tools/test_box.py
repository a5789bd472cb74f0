"""Hostile tools are contained, reported, and the next call works; the test split cannot be talked round."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import rung.engine.tools
from rung.calls import Call
from rung.engine.tools import guard
from rung.engine.tools.box import Box
from rung.engine.tools.declare import Declaration, declare
from rung.engine.tools.schema import grammar_fault
from rung.errors import UserError
from rung.parts import CallLimits, RecordedResult, Tool, ToolSet

HOSTILE = '''
import ctypes, os, sys, time
from enum import Enum
from pathlib import Path
from typing import Literal

class Unit(Enum):
    metre = "m"
    foot = "ft"

def add(a: int, b: int = 1) -> int:
    """Adds two numbers.

    Consequence: read
    """
    return a + b

def hang() -> int:
    time.sleep(600)

def spin() -> int:
    while True:
        pass

def crash() -> int:
    ctypes.string_at(0)

def leave() -> int:
    os._exit(7)

def fail() -> int:
    raise ValueError("no such account")

def shout() -> str:
    for _ in range(1024):
        sys.stdout.write("x" * (1 << 20))
    return "done"

def big_result() -> str:
    return "x" * (1 << 21)

def long_result() -> str:
    return "x" * 3000

class Odd:
    pass

def odd() -> Odd:
    return Odd()

def nan() -> float:
    return float("nan")

def eat() -> int:
    return len(bytearray(4 << 30))

def fill() -> int:
    with open("fill", "wb") as file:
        for _ in range(200):
            file.write(b"x" * (1 << 20))
    return 1

def fork(mark: str) -> int:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", mark])
        os._exit(0)
    return 1

def bomb() -> int:
    for _ in range(40):
        if os.fork() == 0:
            time.sleep(300)
    time.sleep(300)

def read() -> str:
    return Path("data.txt").read_text()

def erase() -> str:
    import shutil
    shutil.rmtree(os.getcwd())
    return "gone"

def secrets() -> dict:
    return dict(os.environ)

def ask() -> str:
    return sys.stdin.read()

def measure(unit: Unit) -> str:
    return unit.name

async def later(n: int) -> int:
    return n

def delete_all() -> str:
    Path(os.environ["HOME"], "..", "..", "deleted").write_text("x")
    return "deleted"

def kill_guard() -> int:
    import signal
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(300)

def half_a_character() -> str:
    return chr(0xD800) + " hi"

def deep() -> list:
    found = []
    for _ in range(300):
        found = [found]
    return found

def undo_me() -> str:
    return "done"

undo_me.consequence = "reversible"

def _private(x):
    return x
'''
SAID = Declaration(
    files=("tools.py",),
    beside=("data.txt",),
    unattended=("read", "reversible", "irreversible"),
    limits=CallLimits(seconds=5.0, memory_mb=512),
)
ALONE = replace(SAID, beside=())


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("hostile")
    (made / "tools.py").write_text(HOSTILE)
    (made / "data.txt").write_text("kept")
    return made


@pytest.fixture(scope="module")
def box(folder) -> Box:
    return Box(tools=declare(SAID, folder), files=folder)


def one(box: Box, name: str, /, **arguments) -> dict:
    return box.perform([Call(name=name, arguments=arguments)])[0]


def test_tools_are_described_from_signature_and_docstring(box) -> None:
    tools = {tool.name: tool for tool in box.tools.tools}
    assert tools["add"].offer == {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "default": 1}},
            "required": ["a"],
            "additionalProperties": False,
        },
    }
    assert "_private" not in tools and "Path" not in tools and "Unit" not in tools
    assert tools["add"].consequence == "read"
    assert tools["undo_me"].consequence == "reversible"
    assert tools["delete_all"].consequence == "irreversible", "the most careful where nothing is said"


def test_a_call_runs_and_is_told(box) -> None:
    said = one(box, "add", a=2, b=3)
    assert (said["outcome"], said["result"]) == ("ran", 5) and said["seconds"] > 0
    assert one(box, "add", a=2)["result"] == 3
    assert one(box, "measure", unit="ft")["result"] == "foot"
    assert one(box, "later", n=4)["result"] == 4


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("add", {"a": "2"}, "wrong arguments: '2' is not of type 'integer'"),
        ("add", {}, "'a' is a required property"),
        ("add", {"a": 1, "c": 2}, "Additional properties are not allowed"),
        ("subtract", {"a": 1}, "there is no such tool"),
        ("_private", {"x": 1}, "there is no such tool"),
    ],
)
def test_wrong_calls_are_refused_and_not_run(box, name, arguments, reason) -> None:
    said = one(box, name, **arguments)
    assert said["outcome"] == "refused" and reason in said["reason"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("crash", "ended by signal 11"),
        ("leave", "the tool crashed"),
        ("fail", "ValueError: no such account"),
        ("big_result", "wrote more than 256 KiB"),
        ("long_result", "the result has 3,002 characters, more than 2,000"),
        ("odd", "the result is not JSON: it is of the class Odd, which has no form in JSON"),
        ("nan", "the result is not JSON"),
        ("deep", "the result is not JSON: it is nested more than 32 deep"),
        ("kill_guard", "the tool crashed"),
        ("eat", "MemoryError"),
        ("fill", "OSError"),
    ],
)
def test_a_tool_that_misbehaves_fails_alone(box, name, reason) -> None:
    bad, good = box.perform([Call(name=name, arguments={}), Call(name="add", arguments={"a": 1})])
    assert bad["outcome"] == "failed" and reason in bad["reason"]
    assert good["result"] == 2


def test_what_no_tokenizer_takes_is_replaced(box) -> None:
    assert one(box, "half_a_character")["result"] == "? hi"


@pytest.mark.parametrize("name", ["hang", "spin"])
def test_a_tool_that_does_not_end_is_ended(box, name) -> None:
    quick = Box(tools=replace(box.tools, limits=CallLimits(seconds=0.5)), files=box.files)
    said = one(quick, name)
    assert said["outcome"] == "failed" and "more than 0.5 seconds" in said["reason"]


def test_a_gigabyte_of_prints_goes_nowhere(box) -> None:
    assert one(box, "shout")["result"] == "done"


def _sleeping(mark: str) -> bool:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes())
        except OSError:
            continue
    return any(mark.encode() in line for line in found)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_what_a_tool_forks_does_not_outlive_it(box) -> None:
    mark = f"299.{os.getpid()}"
    said = one(box, "fork", mark=mark)
    assert said["outcome"] in ("ran", "failed")
    assert not _sleeping(mark)
    said = one(box, "bomb")
    assert said["outcome"] == "failed"


def _guarded_as_an_ordinary_user(code: str) -> int:
    """The guard's exit code. Root is bound by no limit on processes: it becomes somebody else."""
    argv = [sys.executable, "-I", "-S", "-c", code]
    config = {"argv": argv, "seconds": 20, "memory_bytes": 1 << 30, "file_bytes": 1 << 20, "processes": 8}
    who = {"user": 65534, "group": 65534} if os.getuid() == 0 else {}
    return subprocess.run([sys.executable, "-I", "-S", guard.__file__, json.dumps(config)], cwd="/", check=False, **who).returncode


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_an_ordinary_users_tool_may_start_threads_and_a_few_processes() -> None:
    thread = "import os, threading; t = threading.Thread(target=int); t.start(); t.join()"
    few = f"{thread}; os.waitpid(os.posix_spawn('/bin/true', ['true'], {{}}), 0)"
    try:
        ended = _guarded_as_an_ordinary_user(few)
    except PermissionError:
        pytest.skip("another user cannot run this Python")
    assert ended == 0
    many = "import os, time; [os.fork() or time.sleep(60) for _ in range(100)]; time.sleep(60)"
    assert _guarded_as_an_ordinary_user(many) == guard.TOO_MANY


def test_it_sees_a_copy_of_its_files_and_none_of_our_environment(box, monkeypatch) -> None:
    monkeypatch.setenv("RUNG_API_KEY", "hunter2")
    assert one(box, "erase")["outcome"] in ("ran", "failed")
    assert one(box, "read")["result"] == "kept"
    assert "hunter2" not in str(one(box, "secrets"))
    assert one(box, "ask")["result"] == ""


def test_what_nobody_consented_to_is_queued_and_not_run(box) -> None:
    careful = Box(tools=replace(box.tools, unattended=("read",)), files=box.files)
    for name in ("delete_all", "undo_me"):
        said = one(careful, name)
        assert said["outcome"] == "queued" and "needs a person's consent" in said["reason"]
    assert one(careful, "add", a=1)["outcome"] == "ran"
    rows = (RecordedResult(name="delete_all", arguments={}, result="would delete 3 rows"),)
    recorded = Box(tools=replace(careful.tools, recorded=rows), files=box.files)
    said = one(recorded, "delete_all")
    assert (said["outcome"], said["result"]) == ("recorded", "would delete 3 rows")


def test_tools_run_from_one_function_only() -> None:
    """The rule: `perform` decides, then runs; nothing else in the package reaches a worker that calls."""
    package = Path(rung.engine.tools.__file__).parents[2]
    users = [path.name for path in package.rglob("*.py") if re.search(r"\brun_worker\(", path.read_text("utf-8"))]
    assert sorted(users) == ["box.py", "declare.py", "sandbox.py"]
    declared = (package / "engine" / "tools" / "declare.py").read_text("utf-8")
    assert declared.count("run_worker(") == declared.count('"mode": "describe"') == 2
    text = (package / "engine" / "tools" / "box.py").read_text("utf-8")
    assert len(re.findall(r"self\._run\(", text)) == 1
    assert len(re.findall(r"self\._function\(", text)) == len(re.findall(r"self\._served\(", text)) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(x): return x\n", "tools.py:1: the tool 'f' cannot be used: the argument 'x' has no type annotation"),
        ("def f(*x: int): return x\n", "the tool 'f' cannot be used: the argument 'x' cannot be given by its name"),
        ("def f(:\n", "SyntaxError"),
        ("x = 1\ndef f(:\n", "tools.py:2: the tools cannot be read: SyntaxError: invalid syntax\n"),
        ("x = 1\n\nraise RuntimeError('no database')\n", "tools.py:3: the tools cannot be read: RuntimeError: no database\n"),
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("while True: pass\n", "the tool took more than"),
        ("x = 1\n", "no tool was found"),
        ('def f() -> int:\n    """F.\n\n    Consequence: none\n    """\n', "the consequence 'none' is none of"),
        ("class P: pass\ndef f(x: P) -> int: return 1\n", "PydanticSchemaGenerationError"),
        (
            "from typing import Annotated\nfrom pydantic import Field\n"
            "def f(x: Annotated[str, Field(json_schema_extra={'pattern': '(?<=a)b'})]) -> int: return 1\n",
            "the tool 'f' cannot be used: its calls cannot be constrained to its schema",
        ),
    ],
)
def test_tools_that_cannot_be_used_are_told_before_anything_is_asked(tmp_path, monkeypatch, source, message) -> None:
    monkeypatch.setattr("rung.engine.tools.declare.DESCRIBE_S", 5.0)
    (tmp_path / "tools.py").write_text(source)
    with pytest.raises(UserError, match=re.escape(message)):
        declare(replace(ALONE, limits=CallLimits(seconds=1.0)), tmp_path)


def test_files_and_names_that_cannot_be_used(tmp_path) -> None:
    with pytest.raises(UserError, match="there is no such file"):
        declare(SAID, tmp_path)
    with pytest.raises(UserError, match="not beside the task file"):
        declare(replace(SAID, beside=("../data.txt",)), tmp_path)
    (tmp_path / "tools.py").write_text("def f() -> int:\n    return 1\n")
    (tmp_path / "more.py").write_text("def f() -> int:\n    return 1\n")
    with pytest.raises(UserError, match=r"two tools are called 'f': in tools.py and more.py"):
        declare(replace(ALONE, files=("tools.py", "more.py")), tmp_path)
    with pytest.raises(UserError, match="no tool is called 'g'"):
        declare(replace(ALONE, consequences={"g": "read"}), tmp_path)
    assert declare(replace(ALONE, consequences={"f": "read"}), tmp_path).tools[0].consequence == "read"


def test_tools_of_which_none_would_be_run_are_refused_unless_their_author_means_it(tmp_path) -> None:
    said = replace(ALONE, unattended=("read",))
    (tmp_path / "tools.py").write_text("def f() -> int:\n    return 1\n")
    with pytest.raises(UserError, match="no tool would ever be run: no consequence is stated by f") as caught:
        declare(said, tmp_path)
    assert "`Consequence: read`" in caught.value.hint
    assert declare(replace(said, consequences={"f": "irreversible"}), tmp_path).tools[0].consequence == "irreversible"
    recorded = (RecordedResult(name="f", arguments={}, result=1),)
    assert declare(replace(said, recorded=recorded), tmp_path).recorded == recorded


def test_an_ended_climb_leaves_no_folder_behind(box, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one(box, "add", a=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "right", "wrong"),
    [
        ({"type": "object", "properties": {"x": True}}, {"x": 1}, {"y": 1}),
        ({"type": "object", "properties": {"x": {"anyOf": [True]}}}, {"x": 1}, {"y": 1}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object", "properties": {"x": {"type": "integer"}}}}}, {"x": 1}, {"x": "1"}),
    ],
)
def test_schemas_that_a_server_may_bring(parameters, right, wrong) -> None:
    """A schema may be `true`, and its arguments may be listed behind a reference."""
    assert grammar_fault({"name": "f", "parameters": parameters}) == ""
    tool = Tool(name="f", description="", parameters=parameters, consequence="irreversible", origin="tools.py")
    bare = Box(tools=ToolSet(tools=(tool,), unattended=()), files=None)
    assert [one(bare, "f", **arguments)["outcome"] for arguments in (right, wrong)] == ["queued", "refused"]
