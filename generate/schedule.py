"""The noise schedule: which scheduler, and which time steps a strength and a step count mean.

`steps` is the number of UNet evaluations and `strength` the noise level of the first of them, both
exactly. (diffusers' own img2img spends only strength x steps evaluations and rounds the starting
level to that grid, which is far too coarse for models of one to four steps.)
"""

from typing import TYPE_CHECKING, Any

from ..errors import UserError

if TYPE_CHECKING:
    import torch


def make_scheduler(name: str, config: dict[str, Any]) -> Any:
    """The diffusers scheduler `name` (see checkpoints.SCHEDULERS) on a checkpoint's noise levels.

    "euler" is DDIM without its randomness, in other variables, for any time steps; "dpm++" is the
    second-order multistep solver; "lcm" is for models distilled to few steps.

    Args:
        config: the checkpoint's scheduler_config.json, whatever class it names.
    """
    from diffusers import (
        DPMSolverMultistepScheduler,
        EulerDiscreteScheduler,
        LCMScheduler,
    )

    classes = {
        "euler": EulerDiscreteScheduler,
        "dpm++": DPMSolverMultistepScheduler,
        "lcm": LCMScheduler,
    }
    return classes[name](**_levels(config), timestep_spacing="trailing")


def timesteps(strength: float, steps: int, train_steps: int) -> list[int]:
    """The time steps of `steps` evaluations, descending, evenly from strength to 0.

    Args:
        strength: 0 < strength <= 1; 1 starts at the noisiest step, train_steps - 1.

    Raises:
        UserError: strength or steps are out of range.
    """
    if not 0 < strength <= 1:
        raise UserError(f"--strength must be above 0 and at most 1, not {strength:g}.")
    if not 1 <= steps <= train_steps:
        raise UserError(f"The number of steps must be from 1 to {train_steps}, not {steps}.")
    top = max(1.0, strength * train_steps)
    steps = min(steps, int(top))
    return [round(top * (1 - k / steps)) - 1 for k in range(steps)]


def start_latents(
    scheduler: Any, strength: float, render: "torch.Tensor", noise: "torch.Tensor"
) -> "torch.Tensor":
    """The latents that sampling starts from, after `scheduler.set_timesteps`.

    Below strength 1 the render's latents under noise; at strength 1 noise alone, so that the
    render has no influence at all (its share would be small but not nothing: SD1.5's schedule
    never reaches pure noise).

    Args:
        render: the beauty render's scaled latents, (B,C,h,w) float32.
        noise: standard normal, of the same shape.
    """
    if strength >= 1:
        return noise * scheduler.init_noise_sigma
    first = scheduler.timesteps[:1].repeat(len(render))
    return scheduler.add_noise(render, noise, first)


def make_training_scheduler(config: dict[str, Any]) -> Any:
    """diffusers' DDPM scheduler on a checkpoint's noise levels, to learn from noisy pictures."""
    from diffusers import DDPMScheduler

    return DDPMScheduler(**_levels(config))


def _levels(config: dict[str, Any]) -> dict[str, Any]:
    """What of a scheduler's configuration says how much noise each time step has."""
    names = (
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "trained_betas",
        "prediction_type",
        "rescale_betas_zero_snr",
    )
    return {name: config[name] for name in names if name in config}
