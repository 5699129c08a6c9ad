"""Paint one batch of frames with a loaded checkpoint. Importing this module loads torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import UserError
from . import detail, noise
from .backdrop import keep_background
from .canvas import Canvas, latent_of_pixel, squared, to_frame, to_working
from .frames import FrameInputs
from .loading import Generator
from .options import Settings
from .quiet import quiet_libraries
from .schedule import make_scheduler, start_latents
from .words import embed_texts

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Guidance:
    """What guides every frame of a clip, computed once.

    prompt, negative: text embeddings (1,77 n,D); negative is None without guidance.
    appearance: for the IP-Adapter (1 or 2,N,...), with the empty image's first under guidance; None
        where the checkpoint has no adapter. N is 1, or 2 where person and clothes are apart.
    notes: what the user should know, e.g. words that did not fit.
    """

    prompt: torch.Tensor
    negative: torch.Tensor | None
    appearance: torch.Tensor | None
    notes: tuple[str, ...]


@torch.no_grad()
def embed_guidance(
    generator: Generator,
    settings: Settings,
    appearance: "Sequence[Image.Image]" = (),
    garment: "Image.Image | None" = None,
) -> Guidance:
    """Embed the texts and the appearance images, and set the appearance's weight in the UNet.

    Of several images of the person the embeddings' mean is taken. Without an image the adapter's
    weight is 0, where its layers do nothing at all, or it gets the embedding of nothing: as the
    checkpoint wants it (`AdapterSource.always`).
    """
    pipeline = generator.pipeline
    guided = settings.guidance > 1
    prompt, negative, notes = embed_texts(
        pipeline, settings.prompt, settings.negative_prompt if guided else None
    )
    embedded = None
    adapter = generator.checkpoint.adapter
    if adapter is not None:
        scale = settings.appearance_scale
        embedded = embed_appearance(generator, appearance, guided)
        if garment is not None:
            worn = embed_appearance(generator, [garment], guided)
            embedded = torch.cat([embedded, worn], dim=1)
            pipeline.set_ip_adapter_scale([[scale if appearance or adapter.always else 0.0, scale]])
        else:
            pipeline.set_ip_adapter_scale(scale)
    return Guidance(prompt, negative, embedded, notes)


@torch.no_grad()
def embed_appearance(
    generator: Generator, images: "Sequence[Image.Image]", guided: bool = False
) -> torch.Tensor:
    """The mean embedding (1 or 2,1,...) of `images`, or that of nothing where there are none."""
    from PIL import Image

    # Both variants of adapter embed a list of images as (2, images, ...), the empty image's first.
    (both,) = generator.pipeline.prepare_ip_adapter_image_embeds(
        [[squared(image) for image in images] or [Image.new("RGB", (64, 64))]],
        None,
        generator.device,
        1,
        do_classifier_free_guidance=True,
    )
    nothing, something = both.mean(dim=1, keepdim=True).chunk(2)
    wanted = something if images else nothing
    return torch.cat([nothing, wanted]) if guided else wanted


@torch.no_grad()
@quiet_libraries()
def paint_frames(
    generator: Generator,
    settings: Settings,
    guidance: Guidance,
    canvas: Canvas,
    frames: Sequence[int],
    inputs: Sequence[FrameInputs],
) -> list[np.ndarray]:
    """Paint a batch: for each frame (H,W,3) uint8 of the frame's own size.

    A frame comes out the same (to rounding) in whatever batch it is painted; with motion modules
    the batch is one window of a clip.

    Args:
        frames: the frames' numbers; they choose the noise.
        inputs: their images, of the frame's size.

    Raises:
        UserError: the model's numbers overflowed.
    """
    pipeline, count = generator.pipeline, len(frames)
    if generator.checkpoint.motion is not None:
        pipeline.unet.frames = count
    scheduler = make_scheduler(settings.scheduler, pipeline.scheduler.config)
    pipeline.scheduler = scheduler
    pipeline.get_timesteps(settings.steps, settings.strength, generator.device)

    beauty = _tensor(canvas, [item.beauty for item in inputs])
    if settings.strength < 1:
        render = pipeline.encode_images(beauty)
    else:  # nothing of the render is seen, so it need not be encoded
        sides = (side // pipeline.vae_scale_factor for side in beauty.shape[2:])
        channels = pipeline.unet.config.in_channels
        render = torch.zeros(count, channels, *sides, device=generator.device)
    shape = (render.shape[1], render.shape[2], render.shape[3])
    start = noise.clip_noise(
        settings.noise,
        settings.seed,
        frames,
        shape,
        [item.patches for item in inputs],
        latent_of_pixel(canvas, shape[1:]),
    )
    latents = start_latents(
        scheduler, settings.strength, render, torch.from_numpy(start).to(render)
    )
    latents = pipeline(
        image=beauty,
        latents=latents,
        control_image=[
            _tensor(canvas, [item.conditioning[kind] for item in inputs])
            for kind in generator.kinds
        ],
        strength=settings.strength,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        controlnet_conditioning_scale=[
            settings.conditioning_scales[kind] for kind in generator.kinds
        ],
        prompt_embeds=guidance.prompt.repeat(count, 1, 1),
        negative_prompt_embeds=_repeated(guidance.negative, count),
        ip_adapter_image_embeds=None if guidance.appearance is None else [guidance.appearance],
        cross_attention_kwargs=_apart(generator, guidance, canvas, inputs),
        generator=_random_sources(settings, frames),
        output_type="latent",
    ).images
    if not torch.isfinite(latents).all():
        raise UserError(
            f"{generator.checkpoint.name} gave values that are not numbers in "
            f"{settings.precision}: run again with --precision fp32."
        )
    kept = detail.kept_share(settings.detail, settings.strength)
    painted = []
    for index in range(count):
        # One by one: the decoder needs the most memory of all, and gains nothing from batches.
        image = pipeline.decode_latents(latents[index : index + 1])[0]
        if kept > 0:
            lost = beauty[index].to(image) - pipeline.decode_latents(render[index : index + 1])[0]
            image = (image + kept * lost).clamp(0, 1)
        frame, item = to_frame(canvas, _pixels(image)), inputs[index]
        if item.signer is not None:
            frame = keep_background(frame, item.beauty, item.signer)
        painted.append(frame)
    return painted


def _apart(
    generator: Generator, guidance: Guidance, canvas: Canvas, inputs: Sequence[FrameInputs]
) -> dict[str, Any] | None:
    """The masks (B,2,H',W') that keep the images of person and clothes apart, for the UNet."""
    if guidance.appearance is None or guidance.appearance.shape[1] < 2:
        return None
    clothes = np.stack([item.clothes for item in inputs if item.clothes is not None])
    pictures = [np.repeat(mask[..., None] * np.uint8(255), 3, axis=2) for mask in clothes]
    worn = _tensor(canvas, pictures)[:, :1].round()
    masks = torch.cat([1 - worn, worn], dim=1).to(generator.device)
    if guidance.negative is not None:
        masks = torch.cat([masks, masks])
    return {"ip_adapter_masks": [masks]}


def _tensor(canvas: Canvas, images: list[np.ndarray]) -> torch.Tensor:
    """Frames (H,W,3) uint8 as working images (B,3,H',W') float32 in 0..1."""
    stacked = np.stack([to_working(canvas, image) for image in images])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255


def _pixels(image: torch.Tensor) -> np.ndarray:
    """(3,H,W) in 0..1 as (H,W,3) uint8."""
    return (image * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def _repeated(embedding: torch.Tensor | None, count: int) -> torch.Tensor | None:
    return None if embedding is None else embedding.repeat(count, 1, 1)


def _random_sources(settings: Settings, frames: Sequence[int]) -> list[torch.Generator]:
    """One source per frame for schedulers that draw noise between steps."""
    keys = noise.keys(settings.noise, settings.seed, frames)
    seeds = [int(np.random.default_rng([*key, 1]).integers(2**62)) for key in keys]
    return [torch.Generator().manual_seed(seed) for seed in seeds]
