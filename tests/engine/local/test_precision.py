from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from rung.engine.local import precision
from rung.engine.local.architecture import DecoderConfig
from rung.engine.local.model import LocalModel
from rung.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNG_PRECISION", raising=False)


def test_the_environment_decides(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_PRECISION", "bfloat16")
    assert LocalModel.load(tiny_base).decoder.dtype is torch.bfloat16
    monkeypatch.setenv("RUNG_PRECISION", "Float32")
    assert LocalModel.load(tiny_base).decoder.dtype is torch.float32
    monkeypatch.setenv("RUNG_PRECISION", "bfloat")
    with pytest.raises(UserError, match="RUNG_PRECISION is 'bfloat'") as caught:
        LocalModel.load(tiny_base)
    assert "bfloat16" in caught.value.message


def test_a_small_model_stays_in_float32(tiny_base: Path) -> None:
    config = DecoderConfig.read(tiny_base)
    assert config.parameters < 1_000_000
    assert precision.choose(tiny_base, config, CPU) is torch.float32


def test_the_check_accepts_rounding_and_refuses_damage(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = DecoderConfig.read(tiny_base)
    found = precision.self_check(tiny_base, config, CPU)
    assert found.passed and 0 < found.mean_change_nats < 0.1
    real = precision._cast
    monkeypatch.setattr(
        precision, "_cast", lambda weights, dtype: real(weights.replace({"final_norm": weights.final_norm * 3}), dtype)
    )
    assert not precision.self_check(tiny_base, config, CPU).passed
    monkeypatch.setattr(
        precision, "_cast", lambda weights, dtype: real(weights.replace({"final_norm": weights.final_norm * float("nan")}), dtype)
    )
    assert not precision.self_check(tiny_base, config, CPU).passed


@pytest.mark.parametrize("passed", [True, False])
def test_the_result_is_remembered_beside_the_folder(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: bool
) -> None:
    folder = tmp_path / "base"
    shutil.copytree(tiny_base, folder)
    config = DecoderConfig.read(folder)
    checks = []

    def check(*_: object) -> precision.Check:
        checks.append(1)
        return precision.Check(sure_tokens_kept=1.0 if passed else 0.9, mean_change_nats=0.01)

    monkeypatch.setattr(precision, "SMALL_PARAMETERS", 0)
    monkeypatch.setattr(precision, "quick_bfloat16", lambda device: True)
    monkeypatch.setattr(precision, "self_check", check)
    expected = torch.bfloat16 if passed else torch.float32
    assert [precision.choose(folder, config, CPU) for _ in range(3)] == [expected] * 3
    assert len(checks) == 1
    notes = tmp_path / ".base.precision.json"
    assert json.loads(notes.read_text("utf-8"))["bfloat16"] is passed
    notes.write_text("{", "utf-8")
    assert precision.choose(folder, config, CPU) == expected and len(checks) == 2
    (folder / "model.safetensors").touch()
    precision.choose(folder, config, CPU)
    assert len(checks) == 3
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in tiny_base.iterdir())


def test_a_place_that_cannot_be_written_to_costs_nothing_but_time(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(precision, "SMALL_PARAMETERS", 0)
    monkeypatch.setattr(precision, "quick_bfloat16", lambda device: True)
    monkeypatch.setattr(Path, "write_text", refuse)
    assert precision.choose(tiny_base, DecoderConfig.read(tiny_base), CPU) is torch.bfloat16
