"""A vLLM server in the place of a base on this machine: the same prompts, adapters by their digests."""
