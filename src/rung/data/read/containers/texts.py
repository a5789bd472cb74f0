"""A text a file: in a folder for each class, or named with its answer by a table beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from rung.data.inferred import Inference
from rung.data.read.containers.located import Ask, Located, written
from rung.data.read.containers.members import Members, unpacked
from rung.data.read.encodings import best
from rung.data.read.rows import RowError
from rung.errors import UserError

MAX_TEXT_BYTES = 16 << 20
FEWEST_TEXTS = 10
MOST_TABLES = 20  # more of them are one for each text
LEAST_NAMED = 0.9
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "valid", "validation", "val"), "dev"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
UNLABELLED = ("unsup", "unlabeled", "unlabelled", "unknown")


def split_of(name: str) -> str:
    """The split that a name tells by one of its words: `20news-bydate-train` is train; "" where none does."""
    found = {SPLIT_WORDS[word] for word in re.findall(r"[a-z]+", name.lower()) if word in SPLIT_WORDS}
    return found.pop() if len(found) == 1 else ""


def labelled_texts(members: Members, texts: Sequence[str], ask: Ask) -> Located | None:
    """Rows of texts whose folder is their label; None where folders do not say one.

    Where texts lie at several depths, those count of which most do; a folder above that is called train or test is the split.
    """
    parts = {name: PurePosixPath(name).parts for name in texts}
    if not parts:
        return None
    depth = Counter(map(len, parts.values())).most_common(1)[0][0]
    kept = [name for name in texts if len(parts[name]) == depth and depth > 1 and parts[name][-2].lower() not in UNLABELLED]
    labels = Counter(parts[name][-2] for name in kept)
    if len(labels) < 2 or len(kept) < FEWEST_TEXTS or all(split_of(label) for label in labels):
        return None
    if max(labels.values()) < 2:
        return None
    splits = {name: next((found for part in parts[name][:-2] if (found := split_of(part))), "") for name in kept}
    named = all(splits.values())
    contents = _contents(members, kept, ask)
    rows = (
        {"id": name, "text": contents[name], "label": parts[name][-2]} | ({"split": splits[name]} if named else {}) for name in kept
    )
    inferences = [
        Inference(
            about="label",
            taken="the name of a text's folder",
            because=f"the {len(kept):,} texts lie in {len(labels)} folders: {', '.join(sorted(labels)[:10])}",
        )
    ]
    if len(kept) < len(texts):
        left = f"{len(texts) - len(kept):,} files are left out"
        inferences.append(Inference(about="files", taken=left, because="they lie at another depth, or in a folder without label"))
    return Located(
        path=written(rows, ask.shown),
        shown=ask.shown,
        format="folder",
        settled=True,
        places=[f"{ask.shown}/{name}" for name in kept],
        inferences=tuple(inferences),
    )


def described_texts(members: Members, texts: Sequence[str], tables: Sequence[str], ask: Ask) -> Located | None:
    """Rows of a table one of whose columns names the texts beside it, with their content; None where none does."""
    if len(texts) < FEWEST_TEXTS or len(tables) > MOST_TABLES:
        return None
    known = {key: name for name in texts for key in (PurePosixPath(name).stem, PurePosixPath(name).name, name)}
    for table_name in tables:
        table = ask.open(unpacked(members, table_name), f"{ask.shown}/{table_name}")
        rows = _good_rows(table.parse, [raw.content for raw in table.rows])
        column = _naming(rows, known)
        if column is None:
            continue
        wanted = [known.get(str(row.get(column)).strip().removeprefix("./")) for row in rows]
        contents = _contents(members, sorted({name for name in wanted if name}), ask)
        made = [row if name is None else row | {"text": contents[name]} for row, name in zip(rows, wanted, strict=True)]
        because = f"the column {column} of {table_name} names them"
        return Located(
            path=written(made, ask.shown),
            shown=f"{ask.shown}/{table_name}",
            format="files",
            settled=True,
            inferences=(Inference(about="text", taken=f"the content of {len(contents):,} files", because=because),),
        )
    return None


def _good_rows(parse: Any, contents: Sequence[Any]) -> list[dict[str, Any]]:
    rows = []
    for content in contents:
        try:
            rows.append(dict(parse(content)))
        except RowError as error:
            rows.append({"bad": str(error)})
    return rows


def _naming(rows: Sequence[Mapping[str, Any]], known: Mapping[str, str]) -> str | None:
    """The column nearly all of whose values are names of files."""
    for column in rows[0] if rows else ():
        named = sum(str(row.get(column)).strip().removeprefix("./") in known for row in rows)
        if named >= LEAST_NAMED * len(rows) and column != "text":
            return column
    return None


def _contents(members: Members, names: Sequence[str], ask: Ask) -> dict[str, str]:
    return dict(_decoded(members, names, ask))


def _decoded(members: Members, names: Sequence[str], ask: Ask) -> Iterator[tuple[str, str]]:
    """UTF-8 where it is that, else in the encoding that the task file names."""
    for name, file in members.each(set(names)):
        where = f"{ask.shown}/{name}"
        data = file.read(MAX_TEXT_BYTES + 1)
        if len(data) > MAX_TEXT_BYTES:
            raise UserError(f"the text is larger than {MAX_TEXT_BYTES >> 20} MiB", where=where, hint="Is it one text?")
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            text = _otherwise(data, error, where, ask.encoding)
        yield name, text.strip()


def _otherwise(data: bytes, error: UnicodeDecodeError, where: str, encoding: str | None) -> str:
    if encoding is None:
        hint = "Name the encoding of the texts that are not UTF-8: data.encoding: latin-1 (others: cp1252, mac_roman, shift_jis)."
        refused = NotUtf8(f"byte 0x{data[error.start]:02x} (byte {error.start} of the file) is not utf-8", where=where, hint=hint)
        refused.guess = best(data)
        raise refused
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as failed:
        raise UserError(f"the text is neither UTF-8 nor {encoding}: {failed.reason}", where=where) from None


class NotUtf8(UserError):
    """A text of a folder is in another encoding, and none was named. `guess` is one that its bytes may be in."""

    guess: str = "latin-1"
