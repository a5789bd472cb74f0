"""One file an architecture: what it computes, and all that others must know of it."""
