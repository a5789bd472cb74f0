"""Runs tests on code that nobody has read: for each check one process for the tests and one for the code. Standard library only.

`python code_worker.py`: for each check one byte and a job (8 bytes of length, JSON) on standard input, one line of JSON on standard
output. This process itself never sees a job: it forks the code's process before anything is read, so that neither tests nor what is
right are anywhere in that process; the tests' process reads the job, hands over the code alone, and works from afar with the names
that the code defines (`peers`). What the code says or does can therefore be wrong, and no more: it cannot reach the tests, what
they compare with, or the verdict. Both processes have given up network, files and processes (`confine`).

A job: {"program", "setup", "names", "tests": [text or {"input", "output"}], "entry_point", "seconds", "memory_mb"}.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib.util
import io
import json
import os
import random
import resource
import select
import signal
import sys
import time
import types
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from confine import confine, prepare
from peers import ENDED, MORE_S, OUT_OF_TIME, UNFINISHED, WALL, Gone, Peer

sys.path.pop(0)

_PARENT_DIED = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
_JUDGE_MB = 1024
_LONGEST = 300


def main() -> None:
    """One check after the other until there is nothing on standard input any more."""
    kept = prepare()
    gc.freeze()
    while os.read(0, 1):
        said = _check(kept)
        os.write(1, json.dumps(said).encode() + b"\n")


def _check(kept: tuple[int, ...]) -> dict[str, Any]:
    to_code, from_judge = os.pipe()
    to_judge, from_code = os.pipe()
    verdict, teller = os.pipe()
    code = _fork(lambda: _be_code(to_code, from_code), (to_code, from_code, *kept))
    judge = _fork(lambda: _be_judge(Peer(to_judge, from_judge, guarded=True), teller), (0, to_judge, from_judge, teller, *kept))
    for end in (to_code, from_judge, to_judge, from_code, teller):
        os.close(end)
    try:
        return _told(verdict, judge, code)
    finally:
        os.close(verdict)


def _fork(work: Any, ends: tuple[int, ...]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _die_with_parent()
        kept = sorted(ends)
        for below, place in zip([-1, *kept], [*kept, 4096], strict=True):
            if place > below + 1:  # an empty range would close all
                os.closerange(below + 1, place)
        # What is printed goes nowhere; the lowest free places are taken.
        for place in (0, 1, 2):
            if place not in kept:
                os.open(os.devnull, os.O_RDWR)
        work()
    finally:
        os._exit(0)


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_PARENT_DIED, signal.SIGKILL, 0, 0, 0)


def _limit(memory_mb: int, seconds: int) -> None:
    limits = {
        resource.RLIMIT_AS: memory_mb << 20,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for what, most in limits.items():
        resource.setrlimit(what, (most, most))


# The code's process


def _be_code(reader: int, writer: int) -> None:
    peer = Peer(reader, writer, guarded=False)
    with contextlib.suppress(Gone):
        job = peer.hear()
        _limit(job["memory_mb"], job["seconds"])
        confine()
        random.seed(0)
        for text in job["runs"]:
            peer.tell(_run_whole(job["program"], text))
        if job["names"] is not None:
            peer.tell(_defined(job, peer))
            peer.serve()


def _defined(job: dict[str, Any], peer: Peer) -> Any:
    """The names that the code defines, of those asked for, each with the object's name; or what went wrong."""
    module = types.ModuleType("answer")
    sys.modules["answer"] = module
    space = module.__dict__
    try:
        exec(compile(job["setup"], "setup", "exec"), space)
        exec(compile(job["program"], "answer", "exec"), space)
        return {"names": {name: peer.encode(space[name]) for name in job["names"] if name in space and not _is_module(space[name])}}
    except BaseException as error:
        return {"error": _words(error, "answer")}


def _is_module(value: Any) -> bool:
    return isinstance(value, types.ModuleType)


def _run_whole(program: str, given: str) -> dict[str, str]:
    """The code as a program: what it prints when it is given a text."""
    out, before = io.StringIO(), (sys.stdin, sys.stdout)
    sys.stdin, sys.stdout = io.TextIOWrapper(io.BytesIO(given.encode()), "utf-8"), out
    try:
        exec(compile(program, "answer", "exec"), {"__name__": "__main__"})
    except SystemExit as error:
        if error.code not in (None, 0):
            return {"error": f"it ended with {error.code!r}"}
    except BaseException as error:
        return {"error": _words(error, "answer")}
    finally:
        sys.stdin, sys.stdout = before
    return {"output": out.getvalue()[: 8 << 20]}


# The tests' process


def _be_judge(peer: Peer, teller: int) -> None:
    size = int.from_bytes(_exactly(0, 8), "big")
    job = json.loads(_exactly(0, size))
    seconds = max(1, int(job["seconds"] + 0.999))
    _limit(_JUDGE_MB, 4 * seconds)
    # Frozen where it was read: what a test then changes of its own modules changes nothing for the next check.
    os.write(teller, json.dumps({"seconds": job["seconds"]}).encode() + b"\n")
    confine()
    peer._deadline = time.monotonic() + WALL * job["seconds"] + MORE_S
    reason = _judged(job, peer, seconds)
    os.write(teller, json.dumps({"passed": not reason, "reason": reason[: 2 * _LONGEST]}).encode() + b"\n")


def _exactly(place: int, count: int) -> bytes:
    got = b""
    while len(got) < count and (part := os.read(place, count - len(got))):
        got += part
    return got


def _judged(job: dict[str, Any], peer: Peer, seconds: int) -> str:
    """Why the code does not pass; empty where it does."""
    pairs = [test for test in job["tests"] if isinstance(test, dict)]
    texts = [test for test in job["tests"] if isinstance(test, str)]
    try:
        peer.tell(
            {
                "program": job["program"],
                "setup": job["setup"],
                "names": job["names"] if texts else None,
                "runs": [pair["input"] for pair in pairs],
                "memory_mb": job["memory_mb"],
                "seconds": seconds,
            }
        )
        for pair in pairs:
            if reason := _printed(pair, peer.hear()):
                return reason
        return _tested(job, texts, peer) if texts else ""
    except Gone as error:
        return str(error)


def _printed(pair: dict[str, str], said: Any) -> str:
    if "error" in said:
        return f"given {pair['input'][:80]!r} it raises {said['error']}"
    if _lines(str(said.get("output"))) == _lines(pair["output"]):
        return ""
    return f"given {pair['input'][:80]!r} it prints {str(said.get('output'))[:80]!r}, not {pair['output'][:80]!r}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _tested(job: dict[str, Any], texts: list[str], peer: Peer) -> str:
    said = peer.hear()
    if "error" in said:
        return f"the code raises {said['error']}"
    space: dict[str, Any] = {"__name__": "tests", "__builtins__": __builtins__}
    unittest.main = lambda *_, **__: None  # type: ignore[assignment]
    try:
        exec(compile(job["setup"], "setup", "exec"), space)
    except BaseException as error:
        return f"the row's own setup raises {_words(error, 'setup')}"
    found = {name: peer.decode(value) for name, value in said["names"].items()}
    if missing := [name for name in job["names"] if name not in found and name not in space]:
        return f"the code defines no '{missing[0]}'"
    space |= found
    if job["entry_point"] in found:
        space.setdefault("candidate", found[job["entry_point"]])
    for text in texts:
        _stand_in(text, found)
        reason = _in_words(lambda text=text: _run_text(text, space, job["entry_point"], found), text, peer)
        if reason:
            return reason
    # A test that takes any error at all for what it waits for is not passed by code that has ended.
    return ENDED if peer.gone else ""


def _stand_in(text: str, found: dict[str, Any]) -> None:
    """Modules that the tests take the code from, by whatever name: `from solution import f`."""
    for node in ast.walk(ast.parse(text)):
        named = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        named += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in named:
            if "." not in name and name not in sys.modules and importlib.util.find_spec(name) is None:
                module = types.ModuleType(name)
                module.__dict__.update(found)
                sys.modules[name] = module


def _run_text(text: str, space: dict[str, Any], entry_point: str, found: dict[str, Any]) -> None:
    """Runs the text, then what it only defines: `check(candidate)`, test cases, functions called test_..."""
    before = dict(space)
    exec(compile(text, "tests", "exec"), space)
    new = {name: value for name, value in space.items() if before.get(name) is not value}
    check = new.get("check")
    if isinstance(check, types.FunctionType) and entry_point in found and not _calls(text, "check"):
        check(found[entry_point])
    cases = [kind for kind in new.values() if isinstance(kind, type) and issubclass(kind, unittest.TestCase)]
    for case in cases:
        _run_case(case)
    for name, value in new.items():
        if name.startswith("test") and isinstance(value, types.FunctionType) and not _calls(text, name):
            value()
        elif name.startswith("Test") and isinstance(value, type) and value not in cases:
            for own in [own for own in vars(value) if own.startswith("test")]:
                getattr(value(), own)()


def _calls(text: str, name: str) -> bool:
    calls = (node for part in ast.parse(text).body if isinstance(part, ast.Expr | ast.If) for node in ast.walk(part))
    return any(isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name for node in calls)


def _run_case(case: type[unittest.TestCase]) -> None:
    result = unittest.TestResult()
    result.failfast = True
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    faults = [*result.failures, *result.errors]
    if faults:
        raise AssertionError(faults[0][1].strip().splitlines()[-1])
    if result.skipped or result.unexpectedSuccesses or not result.testsRun:
        raise AssertionError("its test cases were not run")


def _in_words(run: Any, text: str, peer: Peer) -> str:
    try:
        run()
    except Gone as error:
        return str(error)
    except AssertionError as error:
        line = _line(error, text)
        gave = f": it gave {peer.last}" if line.startswith("assert ") and peer.last else f": {error}" if str(error) else ""
        return f"{line or 'a test'}{gave}" if line else f"a test fails{gave}"
    except BaseException as error:
        line = _line(error, text)
        return f"{f'{line} ' if line else 'a test '}raises {_words(error, '')}"
    return ""


def _line(error: BaseException, text: str) -> str:
    """The line of the tests that an error came through."""
    trace, number = error.__traceback__, 0
    while trace:
        if trace.tb_frame.f_code.co_filename == "tests":
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = text.splitlines()
    return lines[number - 1].strip()[:_LONGEST] if 0 < number <= len(lines) else ""


def _words(error: BaseException, file: str) -> str:
    trace, number = error.__traceback__, 0
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            number = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        number = error.lineno or 0
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {told}"[:_LONGEST] + (f" (line {number})" if number else "")


# The parent of both


def _told(verdict: int, judge: int, code: int) -> dict[str, Any]:
    """What the tests' process says, how the code's process ended where it did by itself; then both are no more."""
    got, deadline, seconds = b"", time.monotonic() + 600.0, 0.0
    while got.count(b"\n") < 2 and (left := deadline - time.monotonic()) > 0:
        if not select.select([verdict], [], [], left)[0]:
            break
        part = os.read(verdict, 65536)
        if not part:
            break
        got += part
        if not seconds and b"\n" in got:
            seconds = json.loads(got.split(b"\n")[0])["seconds"]
            deadline = time.monotonic() + WALL * seconds + 2 * MORE_S
    lines = got.split(b"\n")
    in_time = time.monotonic() < deadline
    said = json.loads(lines[1]) if len(lines) > 2 else {"passed": False, "reason": UNFINISHED if in_time else OUT_OF_TIME}
    status = _ended(code, said["reason"] == ENDED)
    _ended(judge)
    return {**said, "signal": status}


def _ended(pid: int, has_ended: bool = False) -> int:
    """Ends a process; the signal by which it had ended before, 0 where it was none."""
    done, status = os.waitpid(pid, 0 if has_ended else os.WNOHANG)
    if not done:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


if __name__ == "__main__":
    main()
