"""Teach a checkpoint one person: DreamBooth (Ruiz et al. 2023) with a LoRA (Hu et al. 2021).

The person's pictures are learned under words that stand for them. Beside each, a picture of the
prior is learned: one of somebody else that the model made itself before, so that it does not forget
what people look like. The openpose ControlNet holds the pose in both, so that the LoRA need learn
nothing of poses and signs with any.

Importing this module loads torch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...files import atomic_path
from ..loading import Generator
from ..schedule import make_training_scheduler
from ..words import embed_texts
from .network import lora_state, predict, set_lora_state
from .pictures import Picture

_WARM_UP = 20


@dataclass(frozen=True)
class Lesson:
    """What is learned from one picture, on the model's device.

    latents: (C,h,w) scaled. inside: (h,w) 0..1, where the loss counts. pose: (3,8h,8w) in 0..1.
    texts: embeddings (77,D) of what may stand before it, of which one is drawn.
    """

    latents: torch.Tensor
    inside: torch.Tensor
    pose: torch.Tensor
    posed: bool
    texts: tuple[torch.Tensor, ...]
    weight: float


@dataclass(frozen=True)
class Course:
    """All lessons, and the appearance embeddings (N,1,E) that go with the person's; None without.

    nothing: (1,1,E), the embedding of no picture.
    """

    person: tuple[Lesson, ...]
    prior: tuple[Lesson, ...]
    appearance: torch.Tensor | None
    nothing: torch.Tensor | None


@torch.no_grad()
def make_lessons(
    generator: Generator, pictures: Sequence[Picture], words: str, weight: float
) -> tuple[Lesson, ...]:
    """Lessons of pictures; with `words` a text is those alone, or those before the picture's."""
    lessons = []
    for picture in pictures:
        pixels = torch.from_numpy(picture.pixels.copy()).permute(2, 0, 1)[None].float() / 255
        latents = generator.pipeline.encode_images(pixels)[0]
        inside = torch.from_numpy(picture.inside.copy()).float()[None, None]
        said = [words, f"{words}, {picture.text}"] if words else [picture.text]
        embedded = tuple(embed_texts(generator.pipeline, text, None)[0][0] for text in said)
        lessons.append(
            Lesson(
                latents,
                torch.nn.functional.interpolate(inside, latents.shape[1:])[0, 0].to(latents),
                torch.from_numpy(picture.pose.copy()).permute(2, 0, 1).to(latents) / 255,
                picture.posed,
                embedded,
                weight,
            )
        )
    return tuple(lessons)


class Trainer:
    """The LoRA's weights on their way, a step at a time."""

    def __init__(
        self,
        generator: Generator,
        parameters: list[torch.nn.Parameter],
        course: Course,
        rate: float,
        steps: int,
        crop: int,
        pairs: int,
        seed: int,
    ) -> None:
        self._generator, self._course = generator, course
        self._parameters = parameters
        self._optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-2)
        self._steps, self._crop, self._pairs, self._seed = steps, crop, pairs, seed
        self._levels = make_training_scheduler(generator.pipeline.scheduler.config)
        self._rate = rate
        self.done = 0

    def step(self) -> float:
        """Learn from a few pictures; the loss."""
        # The draws follow from the step's number, so that a run that goes on draws no other ones.
        rng = np.random.default_rng((self._seed, self.done))
        source = torch.Generator().manual_seed(int(rng.integers(2**62)))
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * self._pace()
        person, prior = self._course.person, self._course.prior
        chosen = [(person[int(rng.integers(len(person)))], True) for _ in range(self._pairs)]
        if prior:
            chosen += [(prior[int(rng.integers(len(prior)))], False) for _ in range(self._pairs)]
        loss = self._loss(chosen, rng, source)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        if math.isfinite(float(norm)):
            self._optimiser.step()
        self.done += 1
        return float(loss.detach())

    def _pace(self) -> float:
        late = self.done / max(1, self._steps)
        return min(1.0, (self.done + 1) / _WARM_UP) * (0.05 + 0.95 * math.cos(late * math.pi / 2))

    def _loss(
        self, chosen: list[tuple[Lesson, bool]], rng: np.random.Generator, source: torch.Generator
    ) -> torch.Tensor:
        parts = [self._cropped(lesson, rng) for lesson, _ in chosen]
        latents, inside, pose = (torch.stack(part) for part in zip(*parts, strict=True))
        device = latents.device
        noise = torch.randn(latents.shape, generator=source).to(device)
        levels = self._levels
        count = levels.config.num_train_timesteps
        times = torch.randint(0, count, (len(chosen),), generator=source).to(device)
        noisy = levels.add_noise(latents, noise, times)
        wanted = {
            "epsilon": lambda: noise,
            "v_prediction": lambda: levels.get_velocity(latents, noise, times),
            "sample": lambda: latents,
        }[levels.config.prediction_type]()
        texts = [lesson.texts[int(rng.integers(len(lesson.texts)))] for lesson, _ in chosen]
        posed = [lesson.posed for lesson, _ in chosen]
        half = torch.float16 if device.type == "cuda" else torch.bfloat16
        with torch.autocast(device.type, half):
            predicted = predict(
                self._generator,
                noisy,
                times,
                torch.stack(texts),
                self._appearance([person for _, person in chosen], rng),
                pose,
                posed,
            )
        error = (predicted.float() - wanted).square().mean(1)
        weights = torch.tensor([lesson.weight for lesson, _ in chosen], device=device)
        each = (error * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
        return (each * weights).mean()

    def _cropped(
        self, lesson: Lesson, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A window of the lesson: latents, where they count, pose."""
        height, width = lesson.latents.shape[1:]
        scale = lesson.pose.shape[1] // height
        side = max(1, self._crop // scale)
        top = int(rng.integers(max(0, height - side) + 1))
        left = int(rng.integers(max(0, width - side) + 1))
        rows, columns = slice(top, top + side), slice(left, left + side)
        wide = slice(top * scale, (top + side) * scale), slice(left * scale, (left + side) * scale)
        pose = lesson.pose[:, wide[0], wide[1]]
        return lesson.latents[:, rows, columns], lesson.inside[rows, columns], pose

    def _appearance(self, person: list[bool], rng: np.random.Generator) -> torch.Tensor | None:
        """For each lesson the picture beside the words: half of the time one of the person's."""
        course = self._course
        if course.appearance is None or course.nothing is None:
            return None
        rows = [
            course.appearance[int(rng.integers(len(course.appearance)))][None]
            if own and rng.random() < 0.5
            else course.nothing
            for own in person
        ]
        return torch.cat(rows)

    def save(self, path: Path, key: str) -> None:
        """Write everything that going on needs, atomically."""
        state: dict[str, Any] = {
            "key": key,
            "done": self.done,
            "lora": lora_state(self._generator),
            "optimiser": self._optimiser.state_dict(),
        }
        with atomic_path(path) as partial:
            torch.save(state, partial)

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from what `save` wrote."""
        set_lora_state(self._generator, state["lora"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.done = int(state["done"])
