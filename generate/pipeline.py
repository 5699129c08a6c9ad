"""diffusers' ControlNet img2img pipeline with exact strength and exact latents.

Importing this module loads torch and diffusers.
"""

from typing import Any

import torch
from diffusers import StableDiffusionControlNetImg2ImgPipeline
from diffusers.pipelines.controlnet.pipeline_controlnet_img2img import retrieve_latents

from .schedule import timesteps


class SignerPipeline(StableDiffusionControlNetImg2ImgPipeline):
    """The pipeline of every checkpoint.

    It differs from its parent in two ways. `num_inference_steps` evaluations are made, whatever
    `strength` is (see `schedule`). And the latents stay in float32 between evaluations: only what
    enters the networks is in their own precision, so that half precision does not add up in
    latents whose noise is many times larger than the picture in them.
    """

    unet: Any
    controlnet: Any
    vae: Any
    scheduler: Any

    def get_timesteps(
        self, num_inference_steps: int, strength: float, device: Any
    ) -> tuple[torch.Tensor, int]:
        """Called by the parent: set and return the time steps of an exact strength."""
        train_steps = self.scheduler.config.num_train_timesteps
        chosen = timesteps(strength, num_inference_steps, train_steps)
        self.scheduler.set_timesteps(timesteps=chosen, device=device)
        return self.scheduler.timesteps, len(chosen)

    def keep_latents_in_float32(self) -> None:
        """Let the networks take float32 latents and give float32 predictions back."""
        for network in (self.unet, self.controlnet):
            network.register_forward_pre_hook(_into_own_precision, with_kwargs=True)
        self.unet.register_forward_hook(_prediction_to_float32)

    @torch.no_grad()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Scaled latents (B,C,h,w) float32 of images (B,3,H,W) in 0..1: the mode, not a sample."""
        pixels = (2 * images - 1).to(self.vae.device, self.vae.dtype)
        latents = retrieve_latents(self.vae.encode(pixels), sample_mode="argmax")
        return latents.float() * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode_latents(self, latents: torch.Tensor) -> torch.Tensor:
        """Images (B,3,H,W) float32 in 0..1 of scaled latents (B,C,h,w)."""
        latents = (latents / self.vae.config.scaling_factor).to(self.vae.dtype)
        pixels = self.vae.decode(latents, return_dict=False)[0]
        return (pixels.float() / 2 + 0.5).clamp(0, 1)


def _into_own_precision(network: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    def cast(value: Any) -> Any:
        # The time step stays as it is: half precision cannot tell 998 from 999.
        latents = torch.is_tensor(value) and value.is_floating_point() and value.ndim == 4
        return value.to(network.dtype) if latents else value

    return tuple(cast(value) for value in args), {key: cast(v) for key, v in kwargs.items()}


def _prediction_to_float32(network: Any, args: tuple, output: Any) -> Any:
    return tuple(value.float() for value in output) if isinstance(output, tuple) else output
