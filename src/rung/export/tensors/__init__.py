"""Adapters' tensors: several as one of plain low rank, or all of them within the weights of their base."""
