"""Adapters as PEFT writes them: their files, what every key of theirs means here, and which modules they are for."""
