"""What was exported, kept in another program's own store as well: a format that knows one says how, by `publish`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from rung import plugins
from rung.errors import UserError
from rung.export.base import SLOT, Exported, format_of

if TYPE_CHECKING:
    from rung.export.subject import Subject

PUBLISHED = "publish"  # the kind of its line in the audit


def publishing(formats: Sequence[str]) -> list[str]:
    """Those of the formats that know a store. Raises UserError where none does."""
    found = [name for name in formats if hasattr(format_of(name), "publish")]
    if not found:
        known = ", ".join(name for name in plugins.names(SLOT) if hasattr(format_of(name), "publish"))
        raise UserError(f"no store is known for {', '.join(formats)}", where="--log-to", hint=f"Export it as {known} as well.")
    return found


def publish(subject: Subject, made: Sequence[Exported], where: str) -> list[str]:
    """Puts into the store at the address `where` what was exported in formats that know one, with a line in the audit; what it is
    called there, for each."""
    said = []
    for name in publishing([one.format for one in made]):
        folder = next(one.folder for one in made if one.format == name)
        called: str = cast(Any, format_of(name)).publish(subject, folder, where)
        with subject.home.together():
            subject.home.audit.append(PUBLISHED, subject.ref, {"format": name, "where": where, "called": called})
        said.append(f"{name}: {called}, at {where}")
    return said
