"""Tuning at a provider that speaks OpenAI's fine-tuning: a file up, a job made of it, looks at how it stands."""
