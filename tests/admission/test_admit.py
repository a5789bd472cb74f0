"""Every fault for which something from outside is refused: by name, with its file, in a copy that nobody else has."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made import entry, pickled, tensors, zipped

from rung.admission import copying
from rung.admission.admit import admit_folder, decoded
from rung.admission.allowed import adapter_files
from rung.admission.limits import STANDARD, Limits
from rung.admission.places import name_faults, name_problem
from rung.errors import UserError

SMALL = Limits(files=8, text=300, json=300, tensors=4000, header=1000, entries=5, rank=4)
WEIGHTS = "adapter_model.safetensors"
ONE = tensors({"a": entry([2], 0, 8)}, b"\0" * 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "brought"
    made.mkdir()
    (made / "adapter_config.json").write_text('{"peft_type": "LORA"}', "utf-8")
    (made / WEIGHTS).write_bytes(ONE)
    return made


def refused(folder: Path, limits: Limits = STANDARD) -> str:
    target = folder.parent / "copy"
    target.mkdir(exist_ok=True)
    with pytest.raises(UserError) as caught:
        admit_folder(folder, target, adapter_files(limits), limits)
    assert caught.value.where == str(folder)
    return caught.value.message


def test_what_is_sound_is_copied_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    (folder / "README.md").write_text("hello", "utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("x", "utf-8")
    (tmp_path / "copy").mkdir()
    admit_folder(folder, tmp_path / "copy", adapter_files(STANDARD))
    assert sorted(file.name for file in (tmp_path / "copy").iterdir()) == ["adapter_config.json", WEIGHTS]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("adapter_model.bin", zipped(), "'adapter_model.bin': pickled, which can run code"),
        ("optimizer.pt", zipped(), "'optimizer.pt': pickled"),
        ("state.pkl", pickled(), "'state.pkl': pickled"),
        ("MODEL.PTH", pickled(), "'MODEL.PTH': pickled"),
        ("weights.dat", pickled(4), "'weights.dat': pickled"),
        ("weights", pickled(0), "'weights': pickled"),
        ("notes.zip", zipped(), "'notes.zip': an archive with pickles in it"),
        ("notes.zip", zipped("readme.txt"), "'notes.zip': an archive (zip), and on no list"),
        ("model.gguf", b"GGUF\3\0\0\0", "'model.gguf': a GGUF file, and on no list"),
        ("weights.npy", b"\x93NUMPY\1\0", "can hold a pickle"),
        ("weights.h5", b"\x89HDF\r\n", "can hold code"),
        ("weights.gz", b"\x1f\x8b\x08\0", "compressed (gzip)"),
        ("run.sh", b"#!/bin/sh\n", "'run.sh': a script"),
        ("modeling_x.py", b"import os\n", "'modeling_x.py': on no list of files"),
        ("checkpoint-5/adapter_config.json", b"{}", "'checkpoint-5/adapter_config.json': on no list"),
    ],
)
def test_pickles_and_files_on_no_list(folder: Path, name: str, content: bytes, said: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    found = refused(folder)
    assert said in found and "Bring a folder of its own" in found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pickled(2), "called safetensors, and pickled"),
        (zipped(), "called safetensors, and an archive with pickles in it"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of git-lfs"),
        (b"", "empty"),
        (b"\0\0", "no safetensors file"),
        (tensors("{}", length=2**63), "its header would end at byte"),
        (tensors("not json"), "its header is not JSON"),
        (tensors("[1]"), "its header is not a JSON object"),
        (tensors("[" * 100_000), "its header is not JSON"),
        (tensors('{"a":' + '{"dtype":"F32","shape":[2],"data_offsets":[0,8]},' * 2 + '"a":1}', b"\0" * 8), "is not JSON"),
        (tensors('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}', b"\0" * 8), "'a' stands twice"),
        (tensors('{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}', b"\0" * 8), "'dtype' stands twice"),
        (tensors({"a": entry([2], 0, 2**62)}, b"\0" * 8), "would stand at bytes 0 to 4611686018427387904 of 8"),
        (tensors({"a": entry([2], 8, 0)}, b"\0" * 8), "would stand at bytes 8 to 0"),
        (tensors({"a": entry([2], -8, 0)}, b"\0" * 8), "offsets that are none"),
        (tensors({"a": entry([2**40, 2**40], 0, 8)}, b"\0" * 8), "has 8 bytes, where F32 of shape"),
        (tensors({"a": entry([3], 0, 8)}, b"\0" * 8), "has 8 bytes, where F32 of shape (3,) takes 12"),
        (tensors({"a": entry([2], 0, 8, "F4_SECRET")}, b"\0" * 8), "the unknown dtype 'F4_SECRET'"),
        (tensors({"a": entry([2.5], 0, 8)}, b"\0" * 8), "a shape that is none"),  # type: ignore[list-item]
        (tensors({"a": entry([1] * 9, 0, 4)}, b"\0" * 4), "a shape that is none"),
        (tensors({"a": {"dtype": "F32", "shape": [2]}}, b"\0" * 8), "is not told by its dtype, shape and data_offsets"),
        (tensors({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"\0" * 12), "'b' lies over another"),
        (tensors({"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, b"\0" * 8), "lies over another"),
        (tensors({"a": entry([2], 4, 12)}, b"\0" * 12), "4 bytes before the tensor 'a' are of no tensor"),
        (tensors({"a": entry([2], 0, 8)}, b"\0" * 12), "4 bytes follow the last tensor"),
        (tensors({}, b""), "no tensor in it"),
        (tensors({"a": entry([0], 0, 0)}, b""), "the tensor 'a' is empty"),
        (tensors({"a": entry([2], 0, 8, "I32")}, b"\0" * 8), "of the type I32"),
        (tensors({"a": entry([2], 0, 8)}, b"\0\0\xc0\x7f" + b"\0" * 4), "the tensor 'a' is not finite"),
        (tensors({"a": entry([2], 0, 8)}, b"\0" * 4 + b"\0\0\x80\xff"), "the tensor 'a' is not finite"),
        (tensors({"a": entry([2], 0, 4, "BF16")}, b"\0\0\x80\x7f"), "the tensor 'a' is not finite"),
        (tensors({"a": entry([2], 0, 4, "F16")}, b"\0\x7c\0\0"), "the tensor 'a' is not finite"),
        (tensors({"x\x1b[2Jy": entry([2], 0, 8)}, b"\0" * 8), "'x⟨U+001B⟩[2Jy' has a name"),
        (tensors({"x\nrung: passed": entry([2], 0, 8)}, b"\0" * 8), "'x⟨U+000A⟩rung: passed' has a name"),
    ],
)
def test_a_file_of_tensors_that_does_not_hold(folder: Path, content: bytes, said: str) -> None:
    (folder / WEIGHTS).write_bytes(content)
    found = refused(folder)
    assert said in found and WEIGHTS in found and "\x1b" not in found


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("adapter_config.json", b"{", "not JSON"),
        ("adapter_config.json", b"\xff\xfe", "no UTF-8 text, at byte 0"),
        ("adapter_config.json", b'{"r": 1, "r": 2}', "'r' stands twice"),
        ("adapter_config.json", pickled(), "called JSON, and pickled"),
        ("tokenizer.json", b"[" * 100_000, "not JSON"),
        ("chat_template.jinja", b"\x80abc", "no UTF-8 text"),
        ("chat_template.jinja", b"a\0b", "a text with a NUL in it"),
    ],
)
def test_settings_and_templates_that_cannot_be_read(folder: Path, name: str, content: bytes, said: str) -> None:
    (folder / name).write_bytes(content)
    found = refused(folder)
    assert said in found and name in found


def test_all_faults_are_named_at_once(folder: Path) -> None:
    (folder / "training_args.bin").write_bytes(zipped())
    (folder / "adapter_config.json").write_bytes(b"")
    (folder / WEIGHTS).write_bytes(tensors({"a": entry([2], 0, 8), "b": entry([1], 8, 16)}, b"\xff" * 16))
    found = refused(folder)
    assert "for 3 reasons" in found
    for said in ("'training_args.bin': pickled", "'adapter_config.json': empty", "the tensor 'b' has 8 bytes"):
        assert said in found


def test_links_pipes_sockets_and_devices(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tokenizer.json").symlink_to("/etc/passwd")
    os.mkfifo(folder / "vocab.json")
    os.link(folder / WEIGHTS, folder / "LICENSE")
    (folder / "runs").symlink_to(folder.parent)
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("merges.txt")
        found = refused(folder)
    for said in ("'tokenizer.json': a link", "'vocab.json': a pipe", "'merges.txt': a socket", "'runs': a link", "cp -rL"):
        assert said in found
    assert copying.kind_of(0o020600) == copying.kind_of(0o060600) == "a device"


def test_a_pipe_in_the_place_of_a_listed_file_keeps_nobody_waiting(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    fault = copying.copy_file(folder / "pipe", folder / "copy", "pipe", 10)
    assert fault and fault.said == "a pipe (FIFO)" and not (folder / "copy").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/etc/passwd", "an absolute path"),
        ("\\\\server\\share", "an absolute path"),
        ("../x", "leads out of its folder"),
        ("a/../../x", "leads out of its folder"),
        ("a\\..\\x", "leads out of its folder"),
        ("C:/x", "a drive letter"),
        ("c:x", "a drive letter"),
        ("a\\b", "a backslash"),
        ("a\0b", "a NUL"),
        ("a\nb", "cannot be shown"),
        ("a\x1b[2Jb", "cannot be shown"),
        ("a\u202egnp.exe", "cannot be shown"),
        ("\udcff", "cannot be shown"),
        ("aux.txt", "a device on another system"),
        ("x/NUL", "a device on another system"),
        ("x" * 300, "too long"),
        ("", "empty"),
        ("a/b.json", ""),
        ("..x", ""),
        ("ünïcode.json", ""),
    ],
)
def test_names_that_lead_elsewhere(name: str, said: str) -> None:
    found = name_problem(name)
    assert said in found if said else not found


def test_names_that_a_file_system_takes_for_one() -> None:
    assert [fault.file for fault in name_faults(["a.json", "A.JSON", "b"])] == ["A.JSON"]
    assert [fault.said for fault in name_faults(["e\u0301", "\u00e9"])] == ["one name with 'e\u0301' where capitals do not count"]
    assert len(name_faults(["stra\u00dfe", "STRASSE"])) == 1 and not name_faults(["a", "b/a"])


def test_such_names_in_a_folder(folder: Path) -> None:
    for name in ("..\\..\\evil.json", "C:evil.json", "README.md", "readme.MD", "x\x1b]0;pwned\x07.json"):
        (folder / name).write_text("x", "utf-8")
    (folder / os.fsdecode(b"\xff.json")).write_text("x", "utf-8")
    found = refused(folder)
    for said in ("leads out of its folder", "a drive letter", "where capitals do not count", "⟨U+001B⟩", "⟨U+DCFF⟩"):
        assert said in found
    assert not any(ord(sign) < 32 and sign != "\n" for sign in found)


def test_sizes(folder: Path) -> None:
    (folder / "adapter_config.json").write_text(f'{{"x": "{"x" * 400}"}}', "utf-8")
    (folder / WEIGHTS).write_bytes(tensors({"a": entry([2000], 0, 8000)}, b"\0" * 8000))
    found = refused(folder, SMALL)
    assert "'adapter_config.json': too large: 409 bytes, at most 300 bytes" in found
    assert f"'{WEIGHTS}': too large" in found
    (folder / WEIGHTS).write_bytes(tensors({f"t{n}": entry([1], 4 * n, 4 * n + 4) for n in range(6)}, b"\0" * 24))
    assert "6 tensors, at most 5" in refused(folder, SMALL)
    (folder / WEIGHTS).write_bytes(tensors({"a": entry([2], 0, 8)}, b"\0" * 8) + b"")
    (folder / WEIGHTS).write_bytes(tensors('{"a": ' + " " * 1200 + "1}"))
    assert "a header of 1,208 bytes, at most 1,000 bytes" in refused(folder, SMALL)
    for number in range(9):
        (folder / f"{number}.md").write_text("x", "utf-8")
    assert "more than 8 files" in refused(folder, SMALL)


def test_an_empty_folder_inside_is_nothing(folder: Path) -> None:
    (folder / "empty").mkdir()
    (folder.parent / "copy").mkdir()
    admit_folder(folder, folder.parent / "copy", adapter_files(STANDARD))


@pytest.mark.parametrize("how", ["grows", "shrinks", "is written to"])
def test_a_file_that_changes_while_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    path = folder / WEIGHTS
    path.write_bytes(tensors({"a": entry([500], 0, 2000)}, b"\0" * 2000))
    read: Callable[..., bytes] = os.read

    def meanwhile(handle: int, count: int) -> bytes:
        block = read(handle, 100)
        whole = path.read_bytes()
        path.write_bytes({"grows": whole + b"x", "shrinks": whole[:-1], "is written to": whole}[how])
        os.utime(path, ns=(1, 1))
        return block

    monkeypatch.setattr(copying.os, "read", meanwhile)
    assert f"'{WEIGHTS}': changed while it was read" in refused(folder)
    assert not (folder.parent / "copy" / WEIGHTS).exists()


def test_a_file_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Any, *rest: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(copying.os, "open", denied)
    assert f"'{WEIGHTS}': cannot be read: Permission denied" in refused(folder)


def test_texts_of_other_systems() -> None:
    assert decoded("a\r\nb".encode("utf-16")) == decoded(b"\xef\xbb\xbfa\nb") == "a\nb"
