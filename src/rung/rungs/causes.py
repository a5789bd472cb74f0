"""What can be missing where a base's answers fall short. A rung says which of these it mends, a probe which one it shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Something that can be missing.

    lead       how a diagnosis begins that it leads
    resource   what the task itself must give for it to be mended: a lack of that cannot be excluded where it gives none
    eliminated whether it is what is left where all else could have told, and no probe shows it
    """

    name: str
    lead: str = ""
    resource: str = ""
    eliminated: bool = False


TRIVIAL = Cause(name="trivial", lead="A linear model does it")
# Nothing is: the rung that "mends" it asks the plain instruction, which every probe is compared with.
SOLVED = Cause(name="solved")
FORMAT = Cause(name="format", lead="The format is what is missing: the answers are right, not their form")
DECISION = Cause(name="decision", lead="A leaning to some labels is what is missing to be taken out")
DEMONSTRATIONS = Cause(name="demonstrations", lead="Showing how it is done is enough")
KNOWLEDGE = Cause(name="knowledge", lead="What the documents say is what is missing", resource="documents")
TOOL = Cause(name="tool", lead="A tool is what is missing", resource="tools")
SKILL = Cause(name="skill", eliminated=True)
# No rung mends these.
LABELS = Cause(name="labels")
UNEXPLAINED = Cause(name="unexplained")
