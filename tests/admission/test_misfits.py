"""An adapter that is sound by itself, and not for the base that it is put on."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from made import change, make_adapter

from rung.admission import adapter as module
from rung.admission.adapter import import_adapter
from rung.admission.limits import Limits
from rung.engine.bases.resolve import resolve
from rung.errors import UserError
from rung.registry.home import open_home


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(tiny_base, tmp_path_factory.mktemp("trained") / "lora")


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "mine"))


def refused(folder: Path, base: Path, tmp_path: Path, **options: Any) -> str:
    with open_home(tmp_path / "home", write=True) as home:
        with pytest.raises(UserError) as caught:
            import_adapter(folder, str(base), home, **options)
        left = [path for path in (tmp_path / "home" / "blobs").rglob("*") if path.is_file()]
    assert caught.value.where == str(folder) and left == []
    return caught.value.message


def test_a_sound_one_is_taken(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    with open_home(tmp_path / "home", write=True) as home:
        imported = import_adapter(folder, None, home)
    assert imported.claimed.startswith("a PEFT adapter ('LORA'), trained on") and imported.notes == ()


NAMES = {"B": lambda name: ".lora_B." in name, "A": lambda name: ".lora_A." in name}


@pytest.mark.parametrize("zero", ["A", "B"])
def test_an_update_that_is_null(folder: Path, tiny_base: Path, tmp_path: Path, zero: str) -> None:
    change(folder, lambda loaded: [tensor.zero_() for name, tensor in loaded.items() if NAMES[zero](name)])
    assert "the adapter's update is null: every product of its factors is zero" in refused(folder, tiny_base, tmp_path)


def test_factors_that_never_meet_are_null(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    def apart(loaded: dict[str, Any]) -> None:
        for name, tensor in loaded.items():
            (tensor[0] if ".lora_A." in name else tensor[:, 1]).zero_()

    change(folder, apart)
    assert "update is null" in refused(folder, tiny_base, tmp_path)


def test_a_scale_of_nothing_is_null(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    edit_settings(folder, lora_alpha=0)
    assert "update is null" in refused(folder, tiny_base, tmp_path)


def edit_settings(folder: Path, **values: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def test_shapes_that_are_not_the_bases(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    def wider(loaded: dict[str, Any]) -> None:
        name = next(name for name in loaded if "q_proj.lora_A" in name)
        loaded[name] = loaded[name].repeat(1, 2)

    change(folder, wider)
    found = refused(folder, tiny_base, tmp_path)
    assert "'adapter_model.safetensors'" in found and "has shape (2, 128), the settings and the base need (2, 64)" in found


def test_tensors_for_no_module_of_the_base(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    def elsewhere(loaded: dict[str, Any]) -> None:
        for name in list(loaded):
            loaded[name.replace("layers.2.", "layers.9.")] = loaded.pop(name)

    change(folder, elsewhere)
    assert "the adapter does not fit the base" in refused(folder, tiny_base, tmp_path)


def test_a_rank_above_the_limit(folder: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STANDARD", Limits(rank=1))
    found = refused(folder, tiny_base, tmp_path)
    assert "has rank 2, at most 1" in found and "for 6 reasons" in found


def facts(folder: Path, **values: Any) -> None:
    (folder / "rung.json").write_text(json.dumps(values), "utf-8")


def test_digests_of_another_base_template_or_adapter(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    base = resolve(str(tiny_base), tmp_path)
    sound = {"base": base.pinned, "template": base.template_digest}
    facts(folder, **sound)
    with open_home(tmp_path / "first", write=True) as home:
        import_adapter(folder, str(tiny_base), home)
    facts(folder, base=f"{tiny_base}@sha256:{'ab' * 32}", template="cd" * 32, base_adapters=["ef" * 32])
    found = refused(folder, tiny_base, tmp_path)
    for said in (
        "a base of another content (weights, tokenizer or template): sha256:abababababab...",
        "another chat template: sha256:cdcdcdcdcdcd...",
        "on top of other adapters: 'efefefefefef', and here are none",
    ):
        assert said in found
    facts(folder, **sound, base_adapters=["ef" * 32])
    assert "on top of other adapters" in refused(folder, tiny_base, tmp_path, beneath=("12" * 32,))
    with open_home(tmp_path / "second", write=True) as home:
        import_adapter(folder, str(tiny_base), home, beneath=("ef" * 32,))
    facts(folder, base="pip:no such thing!")
    assert "names a base that cannot be one" in refused(folder, tiny_base, tmp_path)
    (folder / "rung.json").write_text("[]", "utf-8")
    assert "'rung.json': not a JSON object" in refused(folder, tiny_base, tmp_path)


def swap(merges: list[Any]) -> None:
    merges[0], merges[1] = merges[1], merges[0]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda raw: swap(raw["model"]["merges"]), "makes other ones of a text (its merges differ)"),
        (lambda raw: raw["model"]["vocab"].update({"new": 99999}), "has 1 tokens that the base's has not"),
    ],
)
def test_another_tokenizer(folder: Path, tiny_base: Path, tmp_path: Path, edit: Callable[[Any], Any], said: str) -> None:
    raw = json.loads((tiny_base / "tokenizer.json").read_text("utf-8"))
    (folder / "tokenizer.json").write_text(json.dumps(raw), "utf-8")
    with open_home(tmp_path / "first", write=True) as home:
        import_adapter(folder, str(tiny_base), home)
    edit(raw)
    (folder / "tokenizer.json").write_text(json.dumps(raw), "utf-8")
    found = refused(folder, tiny_base, tmp_path)
    assert said in found and "'tokenizer.json'" in found


def test_another_template_and_an_unknown_setting_are_named_together(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ messages }}", "utf-8")
    edit_settings(folder, use_magic=True)
    found = refused(folder, tiny_base, tmp_path)
    assert "for 2 reasons" in found and "another chat template" in found and "unknown key 'use_magic'" in found


def test_no_adapter_at_all(folder: Path, tiny_base: Path, tmp_path: Path) -> None:
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model-00001-of-00002.safetensors")
    assert "lie in pieces" in refused(folder, tiny_base, tmp_path)
    (folder / "adapter_config.json").unlink()
    assert "has no adapter_config.json" in refused(folder, tiny_base, tmp_path)
    (tmp_path / "mine" / "within").mkdir()
    shutil.move(folder / "adapter_model-00001-of-00002.safetensors", folder / "within" / "adapter_model.safetensors")
    (folder / "within" / "adapter_config.json").write_text("{}", "utf-8")
    assert f"name {folder / 'within'}" in refused(folder, tiny_base, tmp_path)
