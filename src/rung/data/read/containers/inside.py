"""Which of the files inside a folder or an archive holds the rows; all of them together, where they are alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from rung.data.read.containers.alike import alike
from rung.data.read.containers.located import Ask, Located
from rung.data.read.containers.members import Members, Under, unpacked
from rung.data.read.containers.texts import described_texts, labelled_texts
from rung.errors import UserError, did_you_mean


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TABLES = _words(
    ".csv .tsv .tab .json .jsonl .ndjson .parquet .xlsx .xlsm .xls .xlsb .ods .arrow .feather .db .sqlite .sqlite3 .db3"
)
ARCHIVES = _words(".zip .tar .tgz .tbz2 .txz")
TEXTS = _words(".txt .text .eml .md .html .htm")
PACKED = (".gz", ".bz2", ".xz")
BESIDE = _words("readme license licence copying notice changelog citation authors contributing metadata manifest")
BESIDE_NAMES = _words("dataset_info.json state.json dataset_dict.json dataset_infos.json package.json desktop.ini thumbs.db")
PICTURES = _words(".png .jpg .jpeg .gif .bmp .webp .tif .tiff")
SOUNDS = _words(".wav .mp3 .flac .ogg .m4a")
MOST_NAMED = 20


def open_members(members: Members, ask: Ask) -> Located:
    """The file of rows, or rows made of all of them. Raises UserError, naming the files, where that cannot be told."""
    names = members.names()
    if ask.part:
        return _named(members, names, ask)
    if not names:
        raise UserError(f"the {members.noun} is empty", where=ask.shown, hint="Give one with a data file inside.")
    texts = [name for name in names if _suffix(name) in TEXTS and not _is_beside(name)]
    tables = [name for name in names if _suffix(name) in TABLES | ARCHIVES and not _is_beside(name)]
    if not tables and not texts:
        tables = [name for name in names if not _suffix(name) and not _is_beside(name)]
    if len(tables) + len(texts) == 1:
        return _taken(members, (tables or texts)[0], "", ask)
    found = (described_texts(members, texts, tables, ask) if texts and tables else None) or (
        labelled_texts(members, texts or tables, ask) if not tables or not texts else None
    )
    if found is None and len(tables) == 1:
        return _taken(members, tables[0], "", ask)
    several = tables or (texts if len(texts) <= MOST_NAMED else [])
    return found or (alike(members, several, ask) if several else None) or _refused(members, names, tables or texts, ask)


def _named(members: Members, names: Sequence[str], ask: Ask) -> Located:
    """What a part of the reference names: a file, a folder, or a part of a file inside."""
    wanted = ask.part.strip("/")
    for name in names:
        if wanted == name or wanted.startswith(f"{name}#"):
            return _taken(members, name, wanted[len(name) + 1 :], ask)
    if any(name.startswith(f"{wanted}/") for name in names):
        within = Ask(shown=ask.inside(wanted), encoding=ask.encoding, open=ask.open)
        return open_members(Under(whole=members, prefix=f"{wanted}/"), within)
    raise UserError(f"the {members.noun} holds no '{wanted}'", where=ask.shown, hint=did_you_mean(wanted, list(names)[:200]))


def shown_of(members: Members, name: str, ask: Ask) -> str:
    """How messages name a file inside."""
    return f"{ask.shown.rstrip('/')}/{name}" if members.noun == "folder" else ask.inside(name)


def _taken(members: Members, name: str, part: str, ask: Ask) -> Located:
    return Located(path=unpacked(members, name), shown=shown_of(members, name, ask), part=part)


def _refused(members: Members, names: Sequence[str], data: Sequence[str], ask: Ask) -> Located:
    if not data:
        raise _no_data(members, names, ask)
    if not any(_suffix(name) in TABLES for name in data) and len(data) > MOST_NAMED:
        problem = f"the {members.noun} holds {len(data):,} texts, and nothing says what is right for each"
        hint = (
            "Put them into a folder for each class (the folders' names are the labels), or lay a CSV beside them that names each "
            "file and its answer."
        )
        raise UserError(problem, where=ask.shown, hint=hint)
    told = ", ".join(shown_of(members, name, ask) for name in data[:MOST_NAMED])
    rest = f" and {len(data) - MOST_NAMED} more" if len(data) > MOST_NAMED else ""
    hint = f"Name one of them: {told}{rest}. Files of the same columns that are called train, dev and test are read as one."
    raise UserError(f"the {members.noun} holds {len(data):,} data files, not one", where=ask.shown, hint=hint)


def _no_data(members: Members, names: Sequence[str], ask: Ask) -> UserError:
    suffixes = [PurePosixPath(name).suffix.lower() for name in names]
    for kind, known in (("pictures", PICTURES), ("sounds", SOUNDS)):
        if sum(suffix in known for suffix in suffixes) > len(suffixes) / 2:
            return UserError(f"the {members.noun} holds {kind}; rows are text", where=ask.shown, hint="Give texts or a table.")
    if any(PurePosixPath(name).name == "[Content_Types].xml" for name in names):
        hint = "Save its rows as CSV or as an Excel workbook."
        return UserError("the file is a Word document or a presentation, not a file of rows", where=ask.shown, hint=hint)
    hint = f"It holds {', '.join(names[:MOST_NAMED])}. Data files end in {', '.join(sorted(TABLES)[:8])}, ..."
    return UserError(f"the {members.noun} holds no data file", where=ask.shown, hint=hint)


def _suffix(name: str) -> str:
    """Of what is inside, where it is packed."""
    lower = name.lower()
    for packed in PACKED:
        lower = lower.removesuffix(packed)
    suffix = PurePosixPath(lower).suffix
    known = suffix in TABLES | ARCHIVES | TEXTS | PICTURES | SOUNDS
    return suffix if known or suffix[1:].isalpha() else ""


def _is_beside(name: str) -> bool:
    """Whether a file is one that lies beside data: a licence, a description."""
    own = PurePosixPath(name.lower())
    return own.name in BESIDE_NAMES or own.name.split(".")[0] in BESIDE
