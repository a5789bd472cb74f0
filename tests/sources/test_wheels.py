"""Wheels: real pip without a network (it looks in a folder), and nothing that a hostile package could write outside its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packages import make_wheel

from rung.errors import BrokenEnvironment, UserError
from rung.sources.wheels import download, open_wheel


def opened(path: Path) -> list[str]:
    with open_wheel(path) as wheel:
        return wheel.files


def test_a_wheel_is_downloaded_and_a_member_written(package_index: Path, tmp_path: Path) -> None:
    make_wheel(package_index, {"toys/data.csv": b"a,b\n", "toys/__init__.py": b"raise SystemExit('never run')"})
    kept = tmp_path / "downloads" / "toys"
    path = download("toys==1.0", kept)
    assert path == kept / "toys-1.0-py3-none-any.whl"
    with open_wheel(path) as wheel:
        wheel.extract("toys/data.csv", tmp_path / "out" / "data.csv")
    assert (tmp_path / "out" / "data.csv").read_bytes() == b"a,b\n"
    assert [entry.name for entry in (tmp_path / "downloads").iterdir()] == ["toys"], "nothing half made stays"


def test_a_version_that_is_not_there(package_index: Path, tmp_path: Path) -> None:
    make_wheel(package_index, {"toys/a": b"a"})
    with pytest.raises(UserError, match=r"toys==2\.0: there is no such package, version or wheel") as caught:
        download("toys==2.0", tmp_path / "downloads")
    assert caught.value.exit_code == 2
    assert not list((tmp_path / "downloads").glob("*"))


def test_no_network_is_a_broken_environment(unreachable_index: None, tmp_path: Path) -> None:
    with pytest.raises(BrokenEnvironment, match=r"(?s)the package index cannot be reached.*Check the network") as caught:
        download("toys==1.0", tmp_path / "downloads")
    assert caught.value.exit_code == 3


def test_a_full_disk_is_a_broken_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'ERROR: Could not install: [Errno 28] No space left on device' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(fake))
    with pytest.raises(BrokenEnvironment, match="no space left"):
        download("toys==1.0", tmp_path / "downloads")


def test_a_python_without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'python: No module named pip' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(fake))
    with pytest.raises(BrokenEnvironment, match=r"(?s)this Python has no pip.*ensurepip"):
        download("toys==1.0", tmp_path / "downloads")


@pytest.mark.parametrize("name", ["../evil", "/evil", "toys/../../evil", "C:evil", "toys\\evil"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = make_wheel(tmp_path, {"toys/data.csv": b"a", name: b"evil"})
    with pytest.raises(UserError, match=r"not safe to unpack: .* leaves its folder"):
        opened(path)


def test_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a link or a device"):
        opened(make_wheel(tmp_path, {"toys/link": b"/etc/passwd"}, link="toys/link"))


def test_colliding_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="collides with another"):
        opened(make_wheel(tmp_path, {"toys/a": b"1", "toys/A": b"2"}))


def test_bytes_that_are_not_what_the_record_says(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, {"toys/a": b"1", "toys/b": b"2"}, wrong="toys/a")
    with open_wheel(path) as wheel:
        wheel.extract("toys/b", tmp_path / "b")
        with pytest.raises(UserError, match="is not what the wheel's RECORD says"):
            wheel.extract("toys/a", tmp_path / "a")


def test_a_member_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    path, words = make_wheel(tmp_path, {"toys/data.csv": b"a"}), r"(?s)no file 'toys/dta.csv'.*Did you mean 'toys/data.csv'"
    with open_wheel(path) as wheel, pytest.raises(UserError, match=words):
        wheel.check("toys/dta.csv")


def test_a_zip_that_is_no_wheel_and_a_wheel_that_is_no_zip(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it has no RECORD"):
        opened(make_wheel(tmp_path, {"toys/a": b"a"}, record=False))
    (tmp_path / "cut.whl").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(UserError, match=r"(?s)the wheel is damaged.*run again to fetch it anew"):
        opened(tmp_path / "cut.whl")


def test_too_much_inside_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.sources.wheels.MAX_UNPACKED_BYTES", 10)
    with pytest.raises(UserError, match="unpacks to more than"):
        opened(make_wheel(tmp_path, {"toys/a": b"a" * 1000}))


def test_pip_settings_of_the_user_are_kept(package_index: Path, tmp_path: Path) -> None:
    assert os.environ["PIP_FIND_LINKS"] == str(package_index)
    make_wheel(package_index, {"toys/a": b"a"}, version="2.0")
    assert download("toys", tmp_path / "kept").name.startswith("toys-2.0")
