"""What is made is whole or absent; what the disk refuses is said in words."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from pathlib import Path

import pytest

from rung.disk import MAKING, OLD_S, explained, once, place, replacing, scratch, whole, write_whole
from rung.errors import BrokenEnvironment


def test_what_is_not_moved_out_is_removed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), scratch(tmp_path / "new") as made:
        (made / "half").write_text("x")
        raise RuntimeError
    assert list((tmp_path / "new").iterdir()) == []


def test_what_is_finished_is_placed(tmp_path: Path) -> None:
    with scratch(tmp_path) as made:
        (made / "whole").mkdir()
        (made / "whole" / "a").write_text("x")
        assert place(made / "whole", tmp_path / "deep" / "target") == tmp_path / "deep" / "target"
    assert (tmp_path / "deep" / "target" / "a").read_text() == "x"
    assert [entry.name for entry in tmp_path.iterdir()] == ["deep"]


def test_the_faster_process_keeps_its_folder(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with scratch(tmp_path) as made:
            (made / name).write_text(name)
            place(made, tmp_path / "target")
    assert [entry.name for entry in (tmp_path / "target").iterdir()] == ["first"]


def test_leftovers_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"{MAKING}{ended.pid}-a", f"{MAKING}{os.getpid()}-b", f"{MAKING}someone"):
        (tmp_path / name).mkdir()
    with scratch(tmp_path):
        pass
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([f"{MAKING}{os.getpid()}-b", f"{MAKING}someone"])


def test_leftovers_that_are_too_old_are_swept_whoever_has_their_makers_number_now(tmp_path: Path) -> None:
    for name in (f"{MAKING}{os.getpid()}-a", f"{MAKING}someone"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - OLD_S - 60,) * 2)
    with scratch(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, r"(?s)no space left.*Free some space"),
        (errno.EDQUOT, "no space left"),
        (errno.EROFS, r"(?s)cannot be written.*RUNG_HOME"),
        (errno.EACCES, "cannot be written"),
        (errno.EIO, "the file system refused: Input/output error"),
    ],
)
def test_what_the_disk_refuses_is_explained(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(BrokenEnvironment, match=words) as caught, explained(tmp_path):
        raise OSError(number, os.strerror(number))
    assert caught.value.where == str(tmp_path)


def test_a_librarys_own_words_pass_through(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no tokenizer in here"), explained(tmp_path):
        raise OSError("no tokenizer in here")


def test_what_is_written_whole_takes_the_place_of_what_stood_there(tmp_path: Path) -> None:
    for text in ("one", "two"):
        write_whole(tmp_path / "note.txt", text)
        with whole(tmp_path / "folder") as draft:
            draft.mkdir()
            (draft / text).touch()
    with pytest.raises(RuntimeError), whole(tmp_path / "folder") as draft:
        draft.mkdir()
        raise RuntimeError
    assert (tmp_path / "note.txt").read_text() == "two"
    assert [entry.name for entry in (tmp_path / "folder").iterdir()] == ["two"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "note.txt"]


@pytest.mark.parametrize("refused", ["fsync", "replace"])
def test_what_the_disk_refuses_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    write_whole(tmp_path / "note.txt", "one")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one").touch()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, refused, full)
    with pytest.raises(BrokenEnvironment, match="no space left"):
        write_whole(tmp_path / "note.txt", "two")
    with pytest.raises(OSError, match="No space left"), replacing(tmp_path / "folder") as draft:
        draft.mkdir()
    assert (tmp_path / "note.txt").read_text() == "one"
    assert [entry.name for entry in (tmp_path / "folder").iterdir()] == ["one"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "note.txt"]


def test_a_file_does_not_take_the_place_of_a_folder_nor_a_folder_that_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(IsADirectoryError), replacing(tmp_path / "folder") as draft:
        draft.touch()
    with pytest.raises(NotADirectoryError), replacing(tmp_path / "file") as draft:
        draft.mkdir()
    assert (tmp_path / "folder").is_dir() and (tmp_path / "file").is_file()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    for name in ("first", "second"):
        once(tmp_path / "target", lambda made, name=name: (made / name).touch())
    assert [entry.name for entry in (tmp_path / "target").iterdir()] == ["first"]
