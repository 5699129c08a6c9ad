"""Why Gauss-Newton: the fit's objective minimised by three solvers.

    python benchmarks/fit_solvers.py

The same 90 frames of exact truth, the same start, the same stages. Adam and L-BFGS take the
gradient from autograd and are given several lengths; Gauss-Newton is the fit's own. Prints a
Markdown table: CPU time, the last stage's objective at the end (lower is better), and the upper
body's PA-MPJPE.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from fit import PARTS, aligned_error
from fit_truth import random_signing, seen

from diffsign.retarget.body.landmarks import landmarks
from diffsign.retarget.body.load import load_body
from diffsign.retarget.fit.camera import camera_for
from diffsign.retarget.fit.objective import Objective, build_problem
from diffsign.retarget.fit.options import BETAS_USED, STAGES, FitOptions
from diffsign.retarget.fit.points import rigged_points
from diffsign.retarget.fit.priors import priors_of
from diffsign.retarget.fit.sign_spans import sign_priors_of
from diffsign.retarget.fit.state import Parameters, start, state_of
from diffsign.retarget.fit.targets import targets_of
from diffsign.retarget.fit.windows import solve


def by_gradient(
    make: Callable[[list[torch.Tensor]], torch.optim.Optimizer], steps: int
) -> Callable[..., Parameters]:
    """A solver that runs an optimiser of torch through the stages."""

    def run(problem, parameters: Parameters) -> Parameters:
        unknowns = [values.clone().requires_grad_() for values in parameters.all()]
        for stage in STAGES:
            objective = Objective(stage, problem)
            optimiser = make(unknowns)

            def closure(objective=objective, optimiser=optimiser) -> torch.Tensor:
                optimiser.zero_grad()
                state = state_of(Parameters(*unknowns), problem.points, problem.camera)
                value = objective(state) * len(unknowns[1])
                value.backward()
                return value

            for _ in range(steps):
                optimiser.step(closure)  # type: ignore[arg-type]
        return Parameters(*(values.detach() for values in unknowns))

    return run


def adam(unknowns: list[torch.Tensor]) -> torch.optim.Optimizer:
    return torch.optim.Adam(unknowns, lr=0.01)


def lbfgs(unknowns: list[torch.Tensor]) -> torch.optim.Optimizer:
    return torch.optim.LBFGS(unknowns, max_iter=1, history_size=20, line_search_fn="strong_wolfe")


def main() -> None:
    torch.set_num_threads(1)
    body = load_body("open")
    truth = random_signing(body, 1)
    keypoints = seen(body, truth)
    points = rigged_points(body, landmarks(body), BETAS_USED)
    camera = camera_for(keypoints, None)
    priors = priors_of(body, points, sign_priors_of(keypoints, FitOptions()))
    problem = build_problem(targets_of(keypoints), points, camera, priors)
    solvers: dict[str, Callable[..., Parameters]] = {
        "Gauss-Newton": lambda problem, begin: solve(problem, begin, FitOptions()),
        "Adam, 3 x 50": by_gradient(adam, 50),
        "Adam, 3 x 300": by_gradient(adam, 300),
        "L-BFGS, 3 x 50": by_gradient(lbfgs, 50),
        "L-BFGS, 3 x 200": by_gradient(lbfgs, 200),
    }
    last = Objective(STAGES[-1], problem)
    print("| solver | CPU s | objective | upper body, mm |\n|---|---|---|---|", flush=True)
    for name, run in solvers.items():
        begin = time.process_time()
        state = state_of(run(problem, start(keypoints, camera, points)), points, camera)
        spent = time.process_time() - begin
        upper = PARTS["upper body"]
        error = 1000 * aligned_error(state.positions[:, upper].numpy(), truth.joints[:, upper])
        print(f"| {name} | {spent:.1f} | {float(last(state)):.1f} | {error:.1f} |", flush=True)


if __name__ == "__main__":
    main()
