"""GGUF files: read, held against the model that they say they are, and written as a folder that loads like any other."""
