"""Rung finds the cheapest change to a language model's behaviour that passes its user's check."""

import os

__version__ = "0.1.0"

# Read once, when torch loads its OpenMP. Threads that wait by spinning take the very core that they wait for wherever another
# program runs too: on two such cores, answering was ten times slower than with threads that sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# oneDNN keeps the code that it makes for each shape of a product, for the last 1,024 shapes: half a gigabyte, where every batch is
# of another length. A pass over the model meets fewer than a hundred.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128")
