"""A server of OpenAI's chat completions: where it is, what it is sent, what it sends back."""
