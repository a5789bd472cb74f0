"""The answer is no longer, or shorter, than it may be, in characters or in words; white space around it does not count."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, Field, model_validator

from rung.types import Example, Score
from rung.verify.parse import as_text
from rung.verify.scoring import EVERY_KIND

TARGETLESS = True


class Config(BaseModel, extra="forbid", frozen=True):
    """`characters`, `words`: how many it has at most. `least_characters`, `least_words`: at least."""

    characters: int | None = Field(default=None, ge=1)
    words: int | None = Field(default=None, ge=1)
    least_characters: int | None = Field(default=None, ge=1)
    least_words: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _something(self) -> Config:
        if all(value is None for value in (self.characters, self.words, self.least_characters, self.least_words)):
            raise ValueError("'length' says neither 'characters' nor 'words'")
        for least, most in ((self.least_characters, self.characters), (self.least_words, self.words)):
            if least is not None and most is not None and least > most:
                raise ValueError(f"no answer has at least {least} and at most {most}")
        return self


def accepts(config: Config) -> Mapping[str, str]:
    """Whatever is as long."""
    return {EVERY_KIND: "only the length is looked at"}


def score(example: Example, output: str, config: Config) -> Score:
    """1 where it is as long as it may be, else 0 and how long it is."""
    said = output.strip()
    characters = (len(said), "characters", config.least_characters, config.characters)
    words = (len(said.split()), "words", config.least_words, config.words)
    for count, unit, least, most in (characters, words):
        if most is not None and count > most:
            return Score(value=0.0, reason=f"has {count:,} {unit}, at most {most:,} are allowed")
        if least is not None and count < least:
            return Score(value=0.0, reason=f"has {count:,} {unit}, at least {least:,} are wanted")
    return Score(value=1.0)


def check(example: Example, config: Config) -> str | None:
    """A target may be missing; one that is there must be as long."""
    if example.target is None:
        return None
    fault = score(example, as_text(example.target), config).reason
    return f"the target {fault}" if fault else None
