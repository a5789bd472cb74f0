"""Where this machine computes: the accelerator that torch finds here (CUDA, MPS, XPU, ...), else the processor."""

from __future__ import annotations

import os

import torch

from rung.errors import BrokenEnvironment, UserError

# What differs by kind of device is told for these two.
PROCESSOR, ACCELERATOR = "cpu", "accelerator"


def best_device() -> torch.device:
    """RUNG_DEVICE (cpu, cuda, cuda:1, mps, xpu) decides where it is set. Raises UserError, and BrokenEnvironment for one that is
    not here."""
    wanted = os.environ.get("RUNG_DEVICE", "").strip().lower()
    here = torch.accelerator.current_accelerator(check_available=True)
    if not wanted:
        return here or torch.device("cpu")
    known = "cpu" if here is None else f"cpu, {here.type}, or one of several: {here.type}:1"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UserError(f"RUNG_DEVICE is '{wanted}'", hint=f"Set it to {known}.") from None
    if device.type == "cpu":
        return torch.device("cpu")
    found = torch.accelerator.device_count() if here is not None and here.type == device.type else 0
    if (device.index or 0) >= found:
        raise BrokenEnvironment(
            f"RUNG_DEVICE is '{wanted}', and torch sees {found} {device.type} devices here", hint=f"Unset it, or set it to {known}."
        )
    return device


def kind_of(device: torch.device) -> str:
    """PROCESSOR or ACCELERATOR."""
    return PROCESSOR if device.type == "cpu" else ACCELERATOR


def name_of(device: torch.device) -> str:
    """Of the hardware, as far as it tells computations apart."""
    if device.type == "cpu":
        return torch.backends.cpu.get_cpu_capability()
    named = getattr(torch.get_device_module(device), "get_device_name", None)
    return str(named(device)) if named else device.type


def quick_bfloat16(device: torch.device) -> bool:
    """Whether the device has instructions that multiply bfloat16; without them it is slower than float32. False where none says."""
    if device.type == "cpu":
        return any(bool(getattr(torch.cpu, name, bool)()) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    said = getattr(torch.get_device_module(device), "is_bf16_supported", None)
    if said is None:
        return False
    return bool(said(including_emulation=False) if device.type == "cuda" else said())


def has_float64(device: torch.device) -> bool:
    """Whether it computes in double precision at all."""
    return device.type != "mps"
