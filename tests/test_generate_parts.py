"""What painting is made of, each alone: time steps, noise, prompts, canvases, kept detail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffsign.errors import UserError
from diffsign.generate import noise
from diffsign.generate.canvas import plan_canvas, squared, to_frame, to_working
from diffsign.generate.checkpoints import SD15, Defaults
from diffsign.generate.detail import kept_share
from diffsign.generate.options import PaintOptions, resolve_settings
from diffsign.generate.prompts import compose_prompt
from diffsign.generate.schedule import make_scheduler, timesteps


@given(st.floats(0.001, 1), st.integers(1, 60))
def test_time_steps_descend_within_the_schedule(strength: float, steps: int) -> None:
    chosen = timesteps(strength, steps, 1000)
    assert 1 <= len(chosen) <= steps and len(set(chosen)) == len(chosen)
    assert chosen == sorted(chosen, reverse=True) and chosen[-1] >= 0 and chosen[0] <= 999
    assert abs(chosen[0] - (1000 * strength - 1)) <= 1


@pytest.mark.parametrize(
    ("prediction", "zero_snr"),
    [
        ("epsilon", False),
        ("v_prediction", False),
        ("v_prediction", True),
        ("sample", False),
        ("sample", True),
    ],
)
def test_euler_is_ddim_in_other_variables(prediction: str, zero_snr: bool) -> None:
    """The slow witness: diffusers' own DDIM at the same time steps, on a made-up network."""
    import torch
    from diffusers import DDIMScheduler

    config = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": prediction,
        "rescale_betas_zero_snr": zero_snr,
    }
    ddim = DDIMScheduler(
        **config, timestep_spacing="trailing", set_alpha_to_one=True, clip_sample=False
    )
    ddim.set_timesteps(5)
    euler = make_scheduler("euler", config)
    euler.set_timesteps(timesteps=timesteps(1.0, 5, 1000))
    assert [int(t) for t in ddim.timesteps] == [int(t) for t in euler.timesteps]

    def network(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x * 0.7 + float(t) / 1000)

    noise_ = torch.from_numpy(noise.clip_noise("fixed", 1, [0], (4, 8, 8)))
    y = noise_ * euler.init_noise_sigma
    x = euler.scale_model_input(y, euler.timesteps[0])  # the same start in DDIM's variables
    for t_ddim, t_euler in zip(ddim.timesteps, euler.timesteps, strict=True):
        x = ddim.step(network(x, t_ddim), t_ddim, x).prev_sample
        scaled = euler.scale_model_input(y, t_euler)
        y = euler.step(network(scaled, t_euler), t_euler, y).prev_sample
    assert torch.allclose(x, y, atol=2e-3)


@pytest.mark.parametrize("kind", ["fixed", "fresh"])
def test_noise_is_gaussian_and_depends_on_seed_and_frame_only(kind: str) -> None:
    whole = noise.clip_noise(kind, 7, range(4), (4, 48, 48))
    assert whole.dtype == np.float32
    assert abs(whole.mean()) < 0.02 and abs(whole.std() - 1) < 0.02
    assert np.array_equal(whole[2:3], noise.clip_noise(kind, 7, [2], (4, 48, 48)))
    assert not np.array_equal(whole[2:3], noise.clip_noise(kind, 8, [2], (4, 48, 48)))


@pytest.mark.parametrize(
    ("prompt", "caption", "image", "mode", "expected"),
    [
        ("old woman", "a man", False, "when_empty", "old woman, best"),
        ("", "a man", False, "when_empty", "a man, best"),
        ("", "a man", True, "when_empty", "best"),
        ("  ", "a man", False, "when_empty", "a man, best"),
        ("old woman", "a man", True, "always", "a man, old woman, best"),
        ("a man", "a man", False, "always", "a man, best"),
    ],
)
def test_prompts(prompt: str, caption: str, image: bool, mode: str, expected: str) -> None:
    defaults = Defaults(caption=mode, prompt_suffix="best")
    assert compose_prompt(prompt, caption, image, defaults) == expected


def test_a_signer_without_any_looks_is_refused() -> None:
    with pytest.raises(UserError, match="--appearance IMAGE or --prompt TEXT"):
        compose_prompt("", " ", False, Defaults())


def test_sd15_defaults_are_possible() -> None:
    settings = resolve_settings(PaintOptions(precision="fp16"), SD15, "a man", True)
    assert settings.appearance_scale == 0.6
    assert list(settings.conditioning_scales) == ["openpose", "depth", "normal"]


@given(st.integers(1, 1500), st.integers(1, 1500), st.sampled_from([256, 512]))
def test_canvases_hold_the_frame_on_sides_that_the_model_divides(
    width: int, height: int, size: int
) -> None:
    canvas = plan_canvas(width, height, size, 64)
    assert all(side % 64 == 0 for side in canvas.working)
    assert all(0 <= w - s < 64 for w, s in zip(canvas.working, canvas.scaled, strict=True))
    area = canvas.scaled[0] * canvas.scaled[1] / size**2
    if min(width, height) > 50:
        assert 0.5 < area < 2


@pytest.mark.parametrize("size", [(512, 512), (480, 560), (511, 513)])
def test_unscaled_frames_come_back_bit_for_bit(size: tuple[int, int]) -> None:
    canvas = plan_canvas(*size, 512, 64)
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    working = to_working(canvas, image)
    assert working.shape[:2][::-1] == canvas.working
    assert np.array_equal(to_frame(canvas, working), image)


def test_scaled_frames_come_back_in_place() -> None:
    canvas = plan_canvas(359, 641, 512, 64)
    image = np.zeros((641, 359, 3), np.uint8)
    image[100:200, 50:150] = 255
    back = to_frame(canvas, to_working(canvas, image))
    assert back.shape == image.shape and np.abs(back.astype(float) - image).mean() < 1.0


def test_appearances_become_square_without_losing_anything() -> None:
    image = Image.new("RGB", (40, 100), (10, 200, 30))
    image.putpixel((0, 0), (255, 0, 0))
    image.putpixel((39, 99), (255, 0, 0))
    square = squared(image)
    assert square.size == (100, 100)
    assert square.getpixel((30, 0)) == square.getpixel((69, 99)) == (255, 0, 0)
    assert squared(square).tobytes() == square.tobytes()


@given(st.floats(0, 1), st.floats(0.01, 1))
def test_kept_detail_falls_to_nothing_at_pure_noise(detail: float, strength: float) -> None:
    share = kept_share(detail, strength)
    assert 0 <= share <= detail
    assert kept_share(detail, 1.0) == 0
    if strength <= 0.5:
        assert share == detail
