"""The words and codes by which servers say the same thing: too long, too many tokens, filtered."""

from __future__ import annotations

import re

from rung.engine.http.error_text import ErrorText


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE | re.DOTALL)


# The question, or the question and the room for its answer, do not fit.
_TOO_LONG = _any_of(
    r"context.{0,20}(?:length|window|size|limit)",  # OpenAI, Azure, vLLM, llama.cpp, LM Studio, Anthropic, LiteLLM, OpenRouter
    r"reduce the length of (?:the |your |either )?(?:messages|prompt|input)",  # Groq
    r"\b(?:prompt|inputs?|request|messages?|text|tokens?) (?:is|are|was) too (?:long|large)",  # Anthropic, Bedrock, llama.cpp
    r"too many (?:input |prompt )?tokens|too large for (?:the )?model with",  # Cohere, Bedrock, Mistral
    r"`inputs`[^.]{0,40}must (?:be <|have less)",  # TGI, Together
    r"(?:input|prompt|requested)[ _]tokens?[^.]{0,60}(?:exceed|longer than|limit)|tokens limit exceeded",  # OpenAI, GitHub
    r"token count[^.]{0,60}exceed|exceed\w*[^.]{0,40}(?:model token limit|number of tokens)",  # Gemini, Copilot, Moonshot
    r"(?:input|prompt)[ _]length[^.]{0,60}(?:exceed|should (?:be|not)|longer)|maximum (?:prompt|input) length",  # SGLang, Qwen, xAI
    r"longer than the (?:maximum )?model(?:'s)? (?:maximum )?length|prompt exceeds max",  # vLLM, Zhipu
    r"current length is \d+ while limit is",  # Cerebras
    r"keep the first \d+ tokens|tokens to keep from the initial prompt",  # LM Studio
    r"max_tokens must be at least 1, got -",  # vLLM of before, where nothing is left for the answer
    r"string too long\. expected a string with maximum length \d{5}",  # OpenAI
    r"request (?:entity|body) too large",  # what stands before a server
)
_TOO_LONG_CODES = frozenset(
    (
        "context_length_exceeded",
        "exceed_context_size_error",
        "context_window_exceeded",
        "model_context_window_exceeded",
        "contextwindowexceedederror",
        "tokens_limit_reached",
        "request_too_large",
        "prompt_too_long",
        "input_too_long",
    )
)
# Another length than the question's: what may be sent in a minute or a day, a name, another field.
_OTHER_LENGTH = _any_of(
    r"string_above_max_length", r"rate.?limit", r"per (?:min|minute|day|hour)", r"\bTP[MD]\b", r"'[\w.\[\]]*name'?: string too long"
)
# One question has more tokens than its account may send in a minute: waiting brings nothing, a shorter one does.
_MORE_THAN_A_MINUTE = _any_of(r"request too large.{0,300}must be reduced")
# More tokens were asked for than the model ever writes.
_TOO_MANY = _any_of(
    r"max(?:_completion|_output|_new)?_tokens[`'\" :]*(?:\d+ ?)?(?:is too large|>|(?:must|should|cannot|exceeds?)\b[^.]{0,60}?\d)",
    r"supports at most \d+ (?:completion|output) tokens",
    r"range of max_tokens should be",
)
_FILTERED = _any_of(
    r"content[_ ](?:filter|policy)|content management policy|ResponsibleAIPolicyViolation",  # Azure, OpenAI, LiteLLM
    r"safety (?:system|filter|settings|policy|reasons)|violat\w+ [^.]{0,40}polic|invalid_prompt",  # OpenAI, Gemini
    r"PROHIBITED_CONTENT|prompt (?:was |is )?(?:blocked|flagged)|blocked by [^.]{0,40}(?:safety|filter|policy|guardrail)",  # Gemini
    r"data_?inspection_?failed|inappropriate content|Content Exists Risk|sensitive_words|sensitive content",  # Qwen, DeepSeek
    r"(?:moderation|input|output) (?:was |is )?flagged|flagged (?:by|as|for) |requires moderation|guardrail_intervened",
)


def is_too_long(status: int, said: ErrorText) -> bool:
    """Whether a refusal says that the question, or the question and the room for its answer, is longer than the server reads."""
    if status == 429:
        return _MORE_THAN_A_MINUTE.search(said.whole) is not None
    if status in (401, 404) or _OTHER_LENGTH.search(said.whole):
        return False
    return status == 413 or bool(said.codes & _TOO_LONG_CODES) or _TOO_LONG.search(said.whole) is not None


def most_tokens(said: ErrorText) -> int | None:
    """Where a refusal says that more tokens were asked for than the model writes: how many it writes, 0 where that is not said."""
    found = _TOO_MANY.search(said.whole)
    if found is None or _TOO_LONG.search(said.whole):
        return None
    numbers = [int(number) for number in re.findall(r"\d+", said.whole[found.start() :])]
    return min((number for number in numbers if number >= 16), default=0)


def is_filtered(said: ErrorText) -> bool:
    """Whether a refusal says that a filter withheld the question or the answer."""
    return _FILTERED.search(said.whole) is not None
