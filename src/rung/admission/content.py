"""What a file holds, whatever it is called: its first bytes, and what is in it where these are an archive's.

Nothing is admitted by what is found here: only what a strict reader reads is. It is for the words of the refusal, so that a pickle
is called one.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

FIRST = 512
_PICKLED = "pickled, which can run code when it is read"
_PICKLE_NAMES = (".bin", ".ckpt", ".dill", ".joblib", ".pckl", ".pickle", ".pkl", ".pt", ".pth", ".skops.pkl")
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"BZh", "compressed (bzip2)"),
    (b"\xfd7zXZ", "compressed (xz)"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd)"),
    (b"7z\xbc\xaf", "an archive (7z)"),
    (b"\x89HDF", "an HDF5 file, which can hold code"),
    (b"\x93NUMPY", "a NumPy file, which can hold a pickle"),
    (b"GGUF", "a GGUF file"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
    (b"version https://git-lfs", "not the file, but a pointer of git-lfs to it"),
)


def is_pickle_name(name: str) -> bool:
    """Whether files that are so called are pickles, as a rule."""
    return name.lower().endswith(_PICKLE_NAMES)


def found_in(path: Path) -> str:
    """What a file is, in words; "" where nothing of it is known. Reads no more than the beginning, and an archive's list."""
    with path.open("rb") as file:
        first = file.read(FIRST)
    if first[:2] == b"PK":
        return _zipped(path)
    if _is_pickled(first, path):
        return _PICKLED
    if first[257:262] == b"ustar":
        return "an archive (tar)"
    return next((said for signature, said in _SIGNATURES if first.startswith(signature)), "")


def _is_pickled(first: bytes, path: Path) -> bool:
    """Protocols 2 to 5 say so in their first byte; those before begin with an opcode and end with a full stop."""
    if first[:1] == b"\x80" and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if first[:1] not in (b"(", b"c", b"]", b"}", b"l"):
        return False
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 1))
        return file.read(1) == b"." and any(
            mark in first for mark in (b"\nq\x00", b"q\x00", b"\np0", b"p0\n", b"(lp", b"(dp", b"\ns.")
        )


def _zipped(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return "an archive (zip)"
    if any(name.rpartition("/")[2] == "data.pkl" or is_pickle_name(name) for name in names):
        return f"an archive with pickles in it, {_PICKLED}"
    return "an archive (zip)"
