"""An Arrow or Feather file, or one of Arrow's streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rung.data.read.containers import tables
from rung.data.read.containers.located import Ask, Located, written
from rung.errors import BrokenEnvironment, UserError

ORDER = 5
FILE_MAGIC, OLD_FEATHER_MAGIC, STREAM_MAGIC = b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"


def holds(path: Path, first: bytes) -> bool:
    """Whether it is one."""
    return first.startswith((FILE_MAGIC, OLD_FEATHER_MAGIC)) or (first.startswith(STREAM_MAGIC) and path.suffix == ".arrow")


def unpack(path: Path, ask: Ask) -> Located:
    """Its rows. Raises UserError for a damaged file."""
    try:
        import pyarrow
        from pyarrow import feather, ipc
    except ImportError:
        raise BrokenEnvironment("reading Arrow needs pyarrow", where=ask.shown, hint="pip install 'rung[parquet]'") from None
    with path.open("rb") as file:
        first = file.read(6)
    try:
        if first.startswith(OLD_FEATHER_MAGIC):
            batches: Any = feather.read_table(path).to_batches()
        else:
            source = pyarrow.memory_map(str(path))
            reader = ipc.open_file(source) if first.startswith(FILE_MAGIC) else ipc.open_stream(source)
            batches = map(reader.get_batch, range(reader.num_record_batches)) if first.startswith(FILE_MAGIC) else reader
        left_out: dict[str, None] = {}
        made = written(tables.plain_rows(_rows(batches), left_out), ask.shown)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise UserError(f"not a whole Arrow file: {reason}", where=ask.shown, hint="Write or fetch it again.") from None
    return Located(path=made, shown=ask.shown, format="arrow", settled=True, inferences=tables.without(left_out))


def _rows(batches: Any) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()
