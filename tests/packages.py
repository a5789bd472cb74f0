"""Wheels made on the spot, for pip to find in a folder."""

from __future__ import annotations

import base64
import hashlib
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_wheel(
    folder: Path,
    members: Mapping[str, bytes],
    *,
    name: str = "toys",
    version: str = "1.0",
    wrong: str = "",
    link: str = "",
    record: bool = True,
) -> Path:
    """A wheel with these members; `wrong` gets another digest in RECORD, `link` becomes a symbolic link."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    meta = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in {**members, **meta}.items():
            member = zipfile.ZipInfo(file)
            member.external_attr = ((stat.S_IFLNK if file == link else stat.S_IFREG) | 0o644) << 16
            archive.writestr(member, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content + b"?" * (file == wrong)).digest()).decode().rstrip("=")
            lines.append(f"{file},sha256={digest},{len(content)}")
        if record:
            archive.writestr(f"{info}/RECORD", "\n".join([*lines, f"{info}/RECORD,,"]))
    return path
