"""Where a model is computed: any accelerator that torch knows, stood in for where there is none."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from rung.engine.local import devices
from rung.errors import BrokenEnvironment, UserError


@pytest.fixture
def accelerator(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Two devices of this kind, on a machine that has none."""
    kind: str = request.param
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: torch.device(kind))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    return kind


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNG_DEVICE", raising=False)


def set_to(monkeypatch: pytest.MonkeyPatch, wanted: str) -> torch.device:
    monkeypatch.setenv("RUNG_DEVICE", wanted)
    return devices.best_device()


@pytest.mark.parametrize("accelerator", ["cuda", "mps", "xpu"], indirect=True)
def test_the_accelerator_is_found_and_named(accelerator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert devices.best_device() == torch.device(accelerator)
    assert set_to(monkeypatch, f" {accelerator.upper()} ") == torch.device(accelerator)
    assert set_to(monkeypatch, f"{accelerator}:1") == torch.device(accelerator, 1)
    assert set_to(monkeypatch, "cpu") == torch.device("cpu")
    with pytest.raises(BrokenEnvironment, match=f"torch sees 2 {accelerator} devices here") as caught:
        set_to(monkeypatch, f"{accelerator}:2")
    assert f"{accelerator}:1" in caught.value.message
    other = "xpu" if accelerator != "xpu" else "cuda"
    with pytest.raises(BrokenEnvironment, match=f"torch sees 0 {other} devices here"):
        set_to(monkeypatch, other)
    assert devices.kind_of(torch.device(accelerator)) == devices.ACCELERATOR


def test_without_one_it_is_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
    assert devices.best_device() == torch.device("cpu") and devices.kind_of(torch.device("cpu")) == devices.PROCESSOR
    for wanted in ("tpu", "cuda:one", "gpu"):
        with pytest.raises(UserError, match=f"RUNG_DEVICE is '{wanted}'") as caught:
            set_to(monkeypatch, wanted)
        assert "Set it to cpu." in caught.value.message
    with pytest.raises(BrokenEnvironment, match="torch sees 0 mps devices here"):
        set_to(monkeypatch, "mps")


@pytest.mark.parametrize(
    ("kind", "module", "quick"),
    [
        ("cuda", SimpleNamespace(is_bf16_supported=lambda including_emulation: not including_emulation), True),
        ("xpu", SimpleNamespace(is_bf16_supported=lambda: True), True),
        ("xpu", SimpleNamespace(is_bf16_supported=lambda: False), False),
        ("mps", SimpleNamespace(), False),
    ],
)
def test_bfloat16_by_what_the_kind_says_of_itself(
    kind: str, module: SimpleNamespace, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    assert devices.quick_bfloat16(torch.device(kind)) is quick
    assert devices.name_of(torch.device(kind)) == kind


def test_what_has_no_float64_draws_on_the_processor() -> None:
    assert [devices.has_float64(torch.device(kind)) for kind in ("cpu", "cuda", "xpu", "mps")] == [True, True, True, False]
