"""kill -9 at random moments of commands that write: what each does is done or not, and the history holds.

Six kills always; RUNG_ALL_KILLS=1 makes 50 of them. A command joins by a line of COMMANDS.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

sys.path.insert(0, str(Path(__file__).parent / "promote"))
sys.path.insert(0, str(Path(__file__).parent / "campaign"))
from shipped import ship

from rung import plugins
from rung.cli.app import commands, run
from rung.disk import MAKING, file_digest
from rung.promote.promoting import stood
from rung.registry.home import Home, open_home

ALL = bool(os.environ.get("RUNG_ALL_KILLS"))
KILLS = 50 if ALL else 6
VERSIONS = 4


def refs() -> list[str]:
    return [f"tone@{number}" for number in range(1, VERSIONS + 1)]


# What is run, by the command's name: every way in which it is typed, in the folder of the world below. One that this version of
# rung does not have is left out.
COMMANDS: dict[str, Callable[[Path], list[list[str]]]] = {
    "promote": lambda _: [["promote", ref] for ref in refs()],
    "rollback": lambda _: [["rollback", "tone"]],
    "rollout": lambda _: [["rollout", "tone", "--canary", "50%"], ["rollout", "abort", "tone"], ["rollout", "stop", "tone"]],
    "approve": lambda _: [["approve", ref, "--as", "bob"] for ref in refs()],
    "alias": lambda _: [["alias", "tone", "blue", "--to", str(number)] for number in (1, 2)],
    "import": lambda folder: [
        ["import", str(prompt), "--as", "brought", "--base", f"scripted:{folder / 'model.py'}#answer"]
        for prompt in sorted(folder.glob("*.txt"))
    ],
    "keys": lambda _: [["keys", "rotate", "verifier"], ["keys", "rotate", "carol"]],
    "gc": lambda _: [["gc", "--yes", "--keep-days", "0"]],
    "push": lambda folder: [["push", str(folder / "team"), ref] for ref in refs()],
    "pull": lambda folder: [["pull", str(folder / "other"), f"short@{number}"] for number in (1, 2)],
    "campaign": lambda folder: [["campaign", f"scripted:{folder / 'tasks/new.py'}#answer", "--yes", "--promote"]] if ALL else [],
    "export": lambda folder: [
        ["export", "ready@1", "--as", name, "--to", str(folder / "out" / str(number))]
        for name in sorted({"card", "prompt", "bom"} & set(plugins.names("formats")))
        for number in range(4)
    ],
    "seen": lambda folder: [["seen", "--text", "nothing", "--proof", str(folder / "proof.json")]],
}
# Reads its orders, one a line: the seed of a child, which runs commands one after the other until it is killed. Forked, so that the
# moments of the kills lie in the commands and not in the imports.
NURSERY = """
import contextlib, io, json, os, random, sys
from rung.cli.app import run
import rung.admission.take, rung.promote.approving, rung.promote.promoting, rung.registry.home, cryptography, sqlalchemy
typed = json.loads(sys.argv[1])
for order in sys.stdin:
    child = os.fork()
    if child == 0:
        draw = random.Random(int(order))
        while True:
            command = draw.choice(typed)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                code = run(command)
            print("ran", code, *command, flush=True)
    print("child", child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


@pytest.fixture
def world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with prompts to import, beside a home with four versions of tone, anna who made them, and bob."""
    monkeypatch.setenv("LOGNAME", "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    (tmp_path / "model.py").write_text("def answer(request):\n    return 'yes'\n")
    for number in range(40):
        (tmp_path / f"p{number}.txt").write_text(f"Answer in {number} words.\n")
    with open_home(write=True) as opened:
        for number in range(VERSIONS):
            ship(opened, [1.0] * 20, lock=f"{number}a" * 32)
        for name in ("bob", "carol"):
            opened.keys.make(name)
    assert run(["import", str(tmp_path / "p0.txt"), "--as", "ready", "--base", f"scripted:{tmp_path / 'model.py'}#answer"]) == 0
    for name in ("team", "other"):
        with open_home(tmp_path / name, write=True) as another:
            for number in range(2 if name == "other" else 0):
                ship(another, [1.0] * 20, name="short", lock=f"{number}b" * 32)
    if ALL:
        climb_for_a_campaign(tmp_path / "tasks")
    return tmp_path


def climb_for_a_campaign(tasks: Path) -> None:
    """A name on a base, beside another base that is as good."""
    from moved import climbed, write_base, write_task

    old = write_base(tasks, "old", {"mail": 0.95})
    write_base(tasks, "new", {"mail": 0.97})
    with open_home(write=True) as opened:
        climbed(opened, write_task(tasks, "mail", old))


@pytest.fixture
def nursery(world: Path) -> Iterator[subprocess.Popen[str]]:
    known = commands.list_commands(None)  # type: ignore[arg-type]
    typed = [line for name, lines in COMMANDS.items() if name in known for line in lines(world)]
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY, json.dumps(typed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=world
    ) as process:
        yield process
        process.kill()


def killed(nursery: subprocess.Popen[str], draw: random.Random) -> list[str]:
    """What a child ran before it was killed at some moment."""
    assert nursery.stdin is not None and nursery.stdout is not None
    print(draw.randrange(1 << 30), file=nursery.stdin, flush=True)
    child, ran, most = 0, [], draw.randint(1, 8)
    while len(ran) < most or not child:
        word, *rest = nursery.stdout.readline().split()
        child = int(rest[0]) if word == "child" else child
        ran += [" ".join(rest)] if word == "ran" else []
    threading.Event().wait(draw.uniform(0.0, 0.06))
    os.kill(child, signal.SIGKILL)
    while (line := nursery.stdout.readline().split())[0] != "gone":
        ran += [" ".join(line[1:])] if line[0] == "ran" else []
    return ran


def half_done(home: Home) -> Iterator[str]:
    """All that is neither done nor undone, and all that the history does not bear out."""
    yield from home.integrity.faults()
    yield from (f"the blob {name} is not whole" for name in home.blobs.all() if not home.blobs.is_intact(name))
    for version in home.names.all():
        artefacts = home.candidates.get(version.candidate).artefacts
        yield from (f"{version.ref} lacks {name}" for name in artefacts if not home.blobs.local(name).exists())
    yield from moved_by_half(home)
    for signed in (*home.receipts.all(), *home.approvals.all()):
        yield from signed.faults
    yield from left_behind(home.path)


def moved_by_half(home: Home) -> Iterator[str]:
    """What of the moves of aliases is lost, or not one with what it rests on."""
    for alias in {move.alias for move in home.aliases.history("tone")}:
        moves = home.aliases.history("tone", alias)
        if [move.generation for move in moves] != list(range(1, len(moves) + 1)):
            yield f"a move of {alias} is lost"
    lines = home.audit.lines("tone@champion")
    if sum(line.kind == "promote" for line in lines) != sum(line.kind == "conditions" for line in lines):
        yield "a promotion and what it rests on are not one"
    if (moves := home.aliases.history("tone", "champion")) and not stood(moves):
        yield "nothing stands"


def half_written(folder: Path) -> Iterator[str]:
    """Exports that stand there and are not whole."""
    for place in folder.glob("*/*"):
        if MAKING in place.name:
            continue  # a draft, which is gone with the next export there
        said = json.loads((place / "export.json").read_text())["files"]
        found = {file.relative_to(place).as_posix(): file_digest(file) for file in place.rglob("*") if file.is_file()}
        del found["export.json"]
        if found != {name: one["sha256"] for name, one in said.items()}:
            yield f"{place} is not what its export.json says"


def left_behind(folder: Path) -> Iterator[str]:
    """Drafts that stay when the home has been opened to write."""
    yield from (f"{path} was left" for path in (folder / "blobs").rglob(f"{MAKING}*"))


def test_killed_at_any_moment_nothing_is_half_done(world: Path, nursery: subprocess.Popen[str]) -> None:
    draw, ran = random.Random(3), list[str]()
    for _ in range(KILLS):
        ran += killed(nursery, draw)
        for folder in (None, world / "team", world / "other"):
            with open_home(folder, write=True) as opened:
                assert list(half_done(opened)) == [], ran[-8:]
        assert list(half_written(world / "out")) == [], ran[-8:]
    codes = {line.split()[0] for line in ran}
    assert codes <= {"0", "1", "2"}, ran
    done = {line.split()[1] for line in ran if line.startswith("0 ")}
    assert len(done) >= 3, ran
    if ALL:
        assert done >= {"promote", "rollback", "approve", "alias", "import", "keys", "gc", "push", "pull"}


def test_what_is_half_done_would_be_seen(world: Path) -> None:
    with open_home(write=True) as opened:
        assert list(half_done(opened)) == []
        (weights,) = opened.candidates.get("tone@1").adapters
        file = opened.blobs.local(weights) / "weights"
        file.chmod(0o644)
        file.write_bytes(b"half")
        (opened.blobs.root / "tmp" / f"{MAKING}1-x").mkdir(parents=True)
        opened.aliases.move("tone", "champion", 1, expected=0, kind="promote")
        said = "\n".join(half_done(opened))
    for words in (f"the blob {weights} is not whole", "a promotion and what it rests on are not one", "was left"):
        assert words in said


def test_every_command_that_is_killed_here_is_one_of_rung(world: Path) -> None:
    root = click.Context(commands, info_name="rung", **commands.context_settings)
    known = commands.list_commands(root)
    for name, lines in COMMANDS.items():
        for line in lines(world) if name in known else ():
            assert line[0] == name
            command = commands.get_command(root, name)
            assert command is not None
            command.make_context(name, line[1:], parent=root)
