"""A base as somebody on another machine can find it: what it is called there, and by which digest it is known."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from rung.sources.base import BaseReference


@dataclass(frozen=True, kw_only=True)
class BaseName:
    """name      without a path of this machine
    version   of the package, or the revision on the hub; "" where none was pinned
    purl      its package URL (hub, package index); "" where it has none
    hub       `org/name` where it is on the hub; "" elsewhere
    digest    SHA-256 over its files, of the reference's pin; "" where nothing pins it
    said      in words
    """

    name: str
    version: str
    purl: str
    hub: str
    digest: str
    said: str


def base_name(reference: BaseReference) -> BaseName:
    """What a Candidate's base is called elsewhere."""
    member = f"#{reference.member}" if reference.member else ""
    named = {
        "hf": (reference.name, f"{reference.name} on the model hub"),
        "pip": (reference.name, f"the package {reference.name}{member}"),
        "server": (reference.member, f"{reference.member}, which answers over HTTP at {reference.name}"),
        "linear": ("linear model", "a linear model of its own, among its files"),
        "tree": ("full fine-tune", "weights of its own, among its files"),
    }
    plain = PurePath(reference.name).name
    name, said = named.get(reference.kind, (plain, f"{plain}, by its files alone: it lay on the machine that judged it"))
    if reference.kind == "scripted":
        said = f"{plain}{member}, a script on the machine that judged it"
    version = f", {reference.version}" if reference.version else ""
    weights = f", its weights kept in {reference.weights}" if reference.weights else ""
    return BaseName(
        name=name,
        version=reference.version,
        purl=_purl(reference),
        hub=reference.name if reference.kind == "hf" else "",
        digest=reference.pin or reference.stored,
        said=f"{said}{version}{weights}",
    )


def _purl(reference: BaseReference) -> str:
    """As the package-url specification writes them: of the hub with the revision, of a package with its version."""
    at = f"@{reference.version}" if reference.version else ""
    if reference.kind == "hf":
        return f"pkg:huggingface/{reference.name}{at}"
    if reference.kind == "pip":
        return f"pkg:pypi/{_normal(reference.name)}{at}"
    return ""


def package_purl(name: str, version: str) -> str:
    """The package URL of an installed package; "" for rung itself, which may not have come from an index."""
    return f"pkg:pypi/{_normal(name)}@{version}" if name != "rung" else ""


def _normal(name: str) -> str:
    """As the index calls it."""
    return re.sub(r"[-_.]+", "-", name).lower()
