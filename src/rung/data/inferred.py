"""What `rung init` inferred about a file: what was taken, why, and the line that changes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Inference:
    """One thing that nobody said and that was taken to be so.

    about   what it is about, in a word or two: "header", "delimiter", "input", "target", "scorer", "group", ...
    taken   what was taken, as a reader would say it
    because what in the file shows it
    change  the task file's line or the option that changes it; "" where there is nothing to change
    aloud   said whatever was asked for, and as a comment in the task file; else only where every reason is asked for
    """

    about: str
    taken: str
    because: str
    change: str = ""
    aloud: bool = True

    def line(self) -> str:
        """It as one line: `input: question, because ... Change it: data.columns: ...`."""
        change = f" Change it: {self.change}" if self.change else ""
        return f"{self.about}: {self.taken}, because {self.because.rstrip('.')}.{change}"
