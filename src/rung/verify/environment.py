"""What a Run was computed with: packages, seed, hardware."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from rung import __version__
from rung.json_form import digest

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "scipy", "scikit-learn", "llguidance", "bm25s")


@cache
def code_digest() -> str:
    """SHA-256 over rung's own source: the sorted (relative name, SHA-256) pairs of its files."""
    root = Path(__file__).parents[1]
    files = sorted(root.rglob("*.py"))
    return digest([[file.relative_to(root).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()] for file in files])


def environment(seed: int) -> dict[str, Any]:
    """Package versions, seed and hardware, as plain JSON."""
    return {"rung": __version__, "packages": _packages(), "seed": seed, "hardware": _hardware()}


@cache
def _packages() -> dict[str, str | None]:
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def _hardware() -> dict[str, Any]:
    return {"machine": platform.machine(), "processor": _processor(), "cores": os.cpu_count(), "system": platform.system()}


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)
