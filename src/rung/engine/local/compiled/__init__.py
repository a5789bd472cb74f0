"""What numba compiles for this very processor when it is first asked for, where calls of torch's kernels take longer than the work.

Nothing outside of this folder imports numba: who has it not is answered by torch's kernels alone.
"""
