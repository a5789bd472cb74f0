"""A base that is not what it was: what of it changed, who rests on it, and the way out; at every door."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from moved import Moving, asked, write_task

from rung.cli.app import run
from rung.engine.bases.base_parts import BaseChanged, kept_base_parts
from rung.engine.bases.resolve import resolve
from rung.registry.home import open_home


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_base, tmp_path / "model"))


def edit_json(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def other_weight(folder: Path) -> None:
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-2] ^= 1
    (folder / "model.safetensors").write_bytes(data)


def other_token(folder: Path) -> None:
    file = folder / "tokenizer.json"
    known = json.loads(file.read_text())
    known["added_tokens"][0]["lstrip"] = not known["added_tokens"][0]["lstrip"]
    file.write_text(json.dumps(known))


def other_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{% for message in messages %}{{ message['content'] }}{% endfor %}")


@pytest.mark.parametrize(
    ("spoil", "changed"),
    [
        (other_weight, ("weights",)),
        (other_token, ("tokenizer",)),
        (lambda folder: edit_json(folder / "tokenizer_config.json", padding_side="left"), ("tokenizer",)),
        (other_template, ("chat template",)),
        (lambda folder: edit_json(folder / "config.json", rms_norm_eps=0.1), ("configuration",)),
        (lambda folder: edit_json(folder / "generation_config.json", eos_token_id=[1, 2]), ("generation settings",)),
        (lambda folder: (other_weight(folder), other_template(folder)), ("weights", "chat template")),
    ],
)
def test_what_of_it_changed(copy: Path, home: Path, spoil: Callable[[Path], object], changed: tuple[str, ...]) -> None:
    pinned = resolve(str(copy), home).pinned
    spoil(copy)
    with pytest.raises(BaseChanged, match=f"its {' and '.join(changed)} changed") as caught:
        resolve(pinned, home)
    assert caught.value.changed == changed
    assert f"rung campaign {copy}" in caught.value.hint


def test_a_template_in_another_file_has_not_changed(copy: Path, home: Path) -> None:
    """Saved by another version of a library, the same words may stand elsewhere; the digest of all differs, and no part does."""
    before = resolve(str(copy), home)
    template = (copy / "chat_template.jinja").read_text()
    edit_json(copy / "tokenizer_config.json", chat_template=template)
    (copy / "chat_template.jinja").unlink()
    after = resolve(str(copy), home)
    assert after.template_digest == before.template_digest and after.digest != before.digest
    assert after.parts == before.parts
    with pytest.raises(BaseChanged, match="its content is the same"):
        resolve(before.pinned, home)


def test_of_a_base_that_nothing_was_written_down_of(copy: Path, home: Path) -> None:
    pinned = resolve(str(copy), home).pinned
    shutil.rmtree(home / "bases" / "parts")
    other_weight(copy)
    with pytest.raises(BaseChanged, match="what of it changed is not known") as caught:
        resolve(pinned, home)
    assert caught.value.changed is None


def test_a_note_that_is_damaged_or_cannot_be_written_keeps_nobody_from_answering(copy: Path, home: Path) -> None:
    base = resolve(str(copy), home)
    assert kept_base_parts(home, base.digest) == base.parts
    note = home / "bases" / "parts" / f"{base.digest}.json"
    note.write_text("{oops")
    assert kept_base_parts(home, base.digest) is None and resolve(base.pinned, home).digest == base.digest
    shutil.rmtree(home / "bases" / "parts")
    (home / "bases" / "parts").write_text("a file stands in the way")
    assert resolve(base.pinned, home).digest == base.digest


def test_every_door_says_it(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    script = Path(moving.old.removeprefix("scripted:").partition("#")[0])
    on_it = write_task(moving.folder, "third", "tone@1")
    script.write_text(script.read_text() + "\n# another one\n")
    told = "the base is not the one that was measured: its code changed"
    who = "On what it was rest: mail@1 (champion), slow@1, tone@1."
    way_out = f"rung campaign {moving.old}"
    with open_home() as home:
        measured = len(home.runs.records())
    for command in (
        ["answer", "tone", "The charger works"],
        ["eval", str(moving.task("tone")), "--candidate", "tone@1"],
        ["eval", str(moving.task("tone")), "--candidate", "tone@1", "--split", "test"],
        ["plan", str(on_it)],
        ["climb", str(on_it)],
    ):
        assert run(command) == 2, command
        said = capsys.readouterr().err
        assert told in said and who in said and way_out in said, said
    with open_home() as home:
        assert len(home.runs.records()) == measured, "nothing was measured under the old name"


def test_a_climb_on_what_it_is_now_says_that_it_begins_anew(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    script = Path(moving.old.removeprefix("scripted:").partition("#")[0])
    script.write_text(script.read_text() + "\n# another one\n")
    assert run(["climb", str(moving.task("tone"))]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "is not what this task was climbed on before: its code changed" in said and "mail@1 (champion)" in said
    assert f"`rung campaign {moving.old}`" in said
    assert run(["climb", str(moving.task("tone"))]) == 0
    assert "is not what this task" not in capsys.readouterr().err, "it is told once"


def test_a_campaign_to_the_same_name(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    """The files under the name of the base are others: the same command that was named brings its names to what it is now."""
    script = Path(moving.old.removeprefix("scripted:").partition("#")[0])
    script.write_text(script.read_text().replace("1: 0.3", "1: 0.96"))
    names = ["--name", "mail", "--name", "tone"]
    assert run(["campaign", moving.old, "--yes", "--json", "--promote", *names]) == 0
    lines = {line["entry"]["name"]: line for line in json.loads(capsys.readouterr().out)["names"]}
    assert {name: line["state"] for name, line in lines.items()} == {"mail": "passed", "tone": "passed"}
    assert lines["mail"]["climbed"]["retires"] == "the adapter"
    assert "its code changed" in lines["mail"]["compared"]["why"]
    assert lines["tone"]["compared"]["rows"] > 0, "what it answered before its base changed is known"
    count = asked(moving.old)
    assert run(["campaign", moving.old, *names]) == 0
    assert asked(moving.old) == count


def test_a_new_base_that_changes_meanwhile_ends_it(
    moving: Moving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rung.campaign import run as running

    real, script = running.climb, Path(moving.new.removeprefix("scripted:").partition("#")[0])

    def changes(*args: object, **options: object) -> object:
        document = real(*args, **options)  # type: ignore[arg-type]
        script.write_text(script.read_text() + "\n# changed\n")
        return document

    monkeypatch.setattr(running, "climb", changes)
    assert run(["campaign", moving.new, "--yes", "--name", "tone", "--name", "mail"]) == 2
    assert "its code changed" in capsys.readouterr().err
    with open_home() as home:
        assert home.names.find("tone@2") is None and home.names.find("mail@2") is not None
