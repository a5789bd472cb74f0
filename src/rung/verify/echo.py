"""An answer that repeats what was asked: what stands in the question is not said by the answer."""

from __future__ import annotations

from rung.types import Example

ECHO_CHARS = 20  # a shorter question may be what a right answer says too


def without_question(output: str, example: Example) -> str:
    """The answer less the whole question, where it repeats that."""
    content = example.messages[-1].get("content") if example.messages else ""
    asked = content.strip() if isinstance(content, str) else ""
    return output.replace(asked, "\n") if len(asked) >= ECHO_CHARS else output
