"""OpenAI's API: what its bodies mean, and answers in its shapes."""
