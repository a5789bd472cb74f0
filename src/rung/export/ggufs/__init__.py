"""GGUF files as llama.cpp keeps them: what `engine.bases.gguf` reads, written."""
