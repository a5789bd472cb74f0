"""An export is there whole, compared and told of, or not at all; and nobody's files are written over."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exported import registered

from rung import plugins
from rung.errors import UserError
from rung.export import base as exporting
from rung.export.base import Agreement, export
from rung.export.parts import PARTS
from rung.parts import ChoiceConstraint
from rung.registry.home import Home

FORMAT = "peft"


def names(folder: Path) -> list[str]:
    """All within it; none where it is not there."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_an_export_says_what_it_is_and_stands_in_the_audit(
    registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path
) -> None:
    subject = registered(registry, tiny_base, [plain_adapter], prompt="Be brief.", constraint=ChoiceConstraint(choices=("a", "b")))
    made = export(subject, FORMAT, tmp_path / "out")
    assert made.agreement and made.agreement.holds
    assert made.left_out == (
        "the system prompt",
        "the form that answers are held to (choice)",
        "that an answer ends after 256 tokens",
    )
    said = json.loads((made.folder / "export.json").read_text("utf-8"))
    assert said["version"] == "tone@1" and said["candidate"]["fields"]["prompt"] == "Be brief."
    assert said["messages"] == [{"role": "system", "content": "Be brief."}]
    assert said["checked"]["reader"].startswith("peft ") and said["checked"]["rows"] == made.agreement.rows
    line = registry.audit.lines("tone@1")[-1]
    assert line.kind == "export"
    assert line.payload["files"] == {file.name: file.digest for file in made.files}
    assert registry.integrity.faults() == []


def test_the_same_export_is_kept_and_another_version_takes_its_place(
    registry: Home, tiny_base: Path, plain_adapter: Path, out: Path
) -> None:
    subject = registered(registry, tiny_base, [plain_adapter])
    first = export(subject, FORMAT, out, check=False)
    assert export(subject, FORMAT, out, check=False).standing
    again = export(subject, FORMAT, out)
    assert not again.standing and again.agreement, "what was not compared is compared when that is asked for"
    assert [one.digest for one in again.files] == [one.digest for one in first.files]
    other = registered(registry, tiny_base, [plain_adapter], prompt="Otherwise.")
    assert not export(other, FORMAT, out, check=False).standing
    assert json.loads((out / FORMAT / "export.json").read_text("utf-8"))["version"] == "tone@2"
    assert names(out) == [FORMAT, *[f"{FORMAT}/{name}" for name in names(out / FORMAT)]], "nothing is left beside"


@pytest.mark.parametrize("spoiled", ["a file of theirs", "changed", "more", "a link", "a file"])
def test_what_somebody_else_put_there_stays(registry: Home, tiny_base: Path, plain_adapter: Path, out: Path, spoiled: str) -> None:
    subject = registered(registry, tiny_base, [plain_adapter])
    target = out / FORMAT
    if spoiled in ("changed", "more"):
        export(subject, FORMAT, out, check=False)
        (target / ("rung.txt" if spoiled == "more" else "adapter_config.json")).write_text("{}")
    elif spoiled == "a link":
        (out / "elsewhere").mkdir()
        target.symlink_to(out / "elsewhere")
    elif spoiled == "a file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    before = names(out)
    with pytest.raises(UserError, match="stands there already"):
        export(subject, FORMAT, out, check=False)
    assert names(out) == before


@pytest.mark.parametrize("fails", ["disagrees", "is no number", "compares nothing", "breaks", "is interrupted"])
def test_what_does_not_agree_is_not_exported(
    registry: Home, tiny_base: Path, plain_adapter: Path, out: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    subject = registered(registry, tiny_base, [plain_adapter])
    export(registered(registry, tiny_base, [plain_adapter], prompt="before"), FORMAT, out, check=False)
    before = (out / FORMAT / "export.json").read_bytes()

    def check(_subject: Any, _folder: Path) -> Agreement:
        if fails in ("breaks", "is interrupted"):
            raise RuntimeError("its own words") if fails == "breaks" else KeyboardInterrupt
        value = {"disagrees": 2.0, "is no number": float("nan")}.get(fails, 0.0)
        return Agreement(reader="r 1", measure="m", value=value, limit=1.0, rows=0 if fails == "compares nothing" else 3)

    monkeypatch.setattr(plugins.load("formats", FORMAT), "check", check)
    with pytest.raises((UserError, KeyboardInterrupt)) as caught:
        export(subject, FORMAT, out)
    if fails == "breaks":
        assert "its own words" in str(caught.value)
    assert (out / FORMAT / "export.json").read_bytes() == before
    assert len([line for line in registry.audit.lines() if line.kind == "export"]) == 1
    assert names(out) == [FORMAT, *[f"{FORMAT}/{name}" for name in names(out / FORMAT)]]


def test_what_was_changed_in_the_store_does_not_leave_it(registry: Home, tiny_base: Path, plain_adapter: Path, out: Path) -> None:
    subject = registered(registry, tiny_base, [plain_adapter])
    file = registry.blobs.local(subject.candidate.adapters[0]) / "adapter_config.json"
    file.chmod(0o644)
    file.write_text(file.read_text() + " ")
    with pytest.raises(UserError, match=r"is not what was registered: the blob .* was changed"):
        export(subject, FORMAT, out)
    assert names(out) == []


def test_a_changed_base_is_noticed(registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    subject = registered(registry, base, [plain_adapter])
    (base / "chat_template.jinja").write_text((base / "chat_template.jinja").read_text() + "\n")
    with pytest.raises(UserError, match="not the one that was measured"):
        export(subject, "merged", tmp_path / "out")
    assert not (tmp_path / "out" / "merged").exists()


@pytest.mark.parametrize(
    ("base", "why"),
    [("", "it has no adapter"), ("linear:" + "0" * 64, "a linear model"), ("http://127.0.0.1:1/v1#m", "answers over HTTP")],
)
def test_who_has_no_adapter_is_told_so(registry: Home, tiny_base: Path, tmp_path: Path, base: str, why: str) -> None:
    subject = registered(registry, tiny_base)
    odd = replace(subject, candidate=replace(subject.candidate, base=base or subject.candidate.base))
    with pytest.raises(UserError, match=rf"peft: .*{why}[^\n]*\n.*vllm: .*{why}"):
        exporting.refuse_unfit(odd, [FORMAT, "vllm"])


def test_an_unknown_format_and_a_reader_that_is_not_installed(
    registry: Home, tiny_base: Path, plain_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = registered(registry, tiny_base, [plain_adapter])
    with pytest.raises(UserError, match=r"no format is called 'pefd'.*\n.*Did you mean 'peft'"):
        export(subject, "pefd", tmp_path)
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"not installed.*\n.*pip install 'rung\[peft\]'; or --no-check"):
        export(subject, FORMAT, tmp_path)
    assert export(subject, FORMAT, tmp_path, check=False).agreement is None


@pytest.mark.parametrize("name", plugins.names("formats"))
def test_a_format_says_what_it_carries_and_for_whom_it_is(name: str) -> None:
    module = plugins.load("formats", name)
    assert module.CARRIES <= PARTS
    assert not module.EXTRA or module.EXTRA in Path(__file__).parents[2].joinpath("pyproject.toml").read_text("utf-8")
