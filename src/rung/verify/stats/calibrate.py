"""Label bias of a model that scores a closed set: what to add to each choice's log-probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def fit_bias(pairs: Sequence[tuple[Mapping[str, float], str]], choices: tuple[str, ...], ridge: float = 1.0) -> dict[str, float]:
    """The bias that makes the observed targets likeliest, shrunk to zero by a ridge penalty.

    pairs    each row's log-probability of every choice, and its target; rows whose target is no choice are left out
    returns  nats to add to each choice, with mean zero; rounded to 1e-6, so that the same rows give the same candidate

    Maximises sum_i log softmax(logprobs_i + b)[target_i] - ridge / 2 * |b|^2, which is concave.
    """
    import numpy as np
    from scipy.optimize import minimize

    place = {choice: index for index, choice in enumerate(choices)}
    usable = [(logprobs, place[target]) for logprobs, target in pairs if target in place]
    if not usable:
        return dict.fromkeys(choices, 0.0)
    scores = np.array([[logprobs[choice] for choice in choices] for logprobs, _ in usable])
    targets = np.array([target for _, target in usable])

    def loss(bias: np.ndarray) -> tuple[float, np.ndarray]:
        shifted = scores + bias
        shifted = shifted - shifted.max(axis=1, keepdims=True)
        probabilities = np.exp(shifted)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        picked = np.log(np.maximum(probabilities[np.arange(len(targets)), targets], 1e-300))
        gradient = probabilities.sum(axis=0) - np.bincount(targets, minlength=len(choices)) + ridge * bias
        return float(-picked.sum() + ridge / 2 * (bias**2).sum()), gradient

    bias = minimize(loss, np.zeros(len(choices)), jac=True, method="L-BFGS-B").x
    bias -= bias.mean()
    return {choice: round(float(value), 6) for choice, value in zip(choices, bias, strict=True)}
