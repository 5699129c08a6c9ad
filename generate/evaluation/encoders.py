"""Networks that turn pictures into features, each only where its weights are on this machine.

Nothing is fetched here: a network without weights is `Unavailable`, with the command that brings
them. The small image encoder of the embedded generator is always there.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .unavailable import Unavailable

CLIP = "openai/clip-vit-large-patch14"
DINOV2 = "facebook/dinov2-base"
_BATCH = 16
_AROUND = 0.17  # of a cut-out face's side: hair, ears and background about the face itself
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CLIP_NORM = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

Encoder = Callable[[np.ndarray], np.ndarray]
"""(N, H, W, 3) uint8 RGB to features (N, D) float64."""


def mini_encoder() -> Encoder:
    """The embedded generator's image encoder (CLIP's design, trained on this project's renders)."""
    from ..checkpoints import MINI_FOLDER

    return _clip_vision(MINI_FOLDER / "ip" / "models" / "image_encoder")


def face_encoder() -> Encoder:
    """`mini_encoder` of the middle of cut-out faces: the face alone, without what is behind it."""
    encode = mini_encoder()

    def middle(faces: np.ndarray) -> np.ndarray:
        edge = round(faces.shape[1] * _AROUND)
        return encode(faces[:, edge:-edge, edge:-edge])

    return middle


def clip_encoder(source: str | Path = CLIP) -> Encoder:
    """CLIP's image embeddings (Radford et al. 2021), as DiffSign's scripts take them."""
    return _clip_vision(source)


def dinov2_encoder(source: str | Path = DINOV2) -> Encoder:
    """DINOv2's class token (Oquab et al. 2023), which Stein et al. 2023 found to judge best."""
    from transformers import AutoModel

    model = load_local(AutoModel, source)
    return lambda pictures: _features(
        pictures, 224, _IMAGENET, lambda values: model(pixel_values=values).last_hidden_state[:, 0]
    )


def inception_encoder() -> Encoder:
    """Inception v3's 2048 pool features, through torch-fidelity (Heusel et al. 2017)."""
    import torch

    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        reason = "torch-fidelity is not installed: pip install torch-fidelity"
        raise Unavailable(reason) from None
    weights = (
        Path(torch.hub.get_dir()) / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    )
    if not weights.is_file():
        raise Unavailable(
            f"Inception's weights are not here: put {weights.name} in {weights.parent}"
        )
    network = FeatureExtractorInceptionV3(
        "inception", ["2048"], feature_extractor_weights_path=str(weights)
    ).eval()

    def encode(pictures: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            batches = np.array_split(pictures, -(-len(pictures) // _BATCH))
            tensors = (torch.from_numpy(batch).permute(0, 3, 1, 2) for batch in batches)
            return np.concatenate([network(t)[0].numpy() for t in tensors]).astype(float)

    return encode


@cache
def _clip_vision(source: str | Path) -> Encoder:
    from transformers import CLIPVisionModelWithProjection

    model = load_local(CLIPVisionModelWithProjection, source)
    side = model.config.image_size
    return lambda pictures: _features(
        pictures, side, _CLIP_NORM, lambda values: model(pixel_values=values).image_embeds
    )


def load_local(kind: Any, source: str | Path) -> Any:
    """A model of the hub or of a folder in float32, from this machine alone."""
    from ..quiet import quiet_libraries

    folder = local_folder(source)
    try:
        with quiet_libraries():
            return kind.from_pretrained(folder, local_files_only=True).float().eval()
    except (OSError, ValueError) as error:
        raise Unavailable(f"the weights in {source} cannot be read ({error})") from error


def local_folder(source: str | Path) -> Path:
    """Where a folder or a cached repository of the hub lies; the network is never asked.

    Raises Unavailable where it is not on this machine.
    """
    from huggingface_hub import snapshot_download

    if Path(source).is_dir():
        return Path(source)
    try:
        return Path(snapshot_download(str(source), local_files_only=True))
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"the weights of {source} are not on this machine: hf download {source}"
        ) from error


def _features(
    pictures: np.ndarray,
    side: int,
    norm: tuple[tuple[float, ...], tuple[float, ...]],
    network: Callable[[Any], Any],
) -> np.ndarray:
    import torch

    mean, deviation = (np.array(values, np.float32) for values in norm)
    found = []
    for start in range(0, len(pictures), _BATCH):
        batch = [
            cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
            for picture in pictures[start : start + _BATCH]
        ]
        values = (np.stack(batch).astype(np.float32) / 255 - mean) / deviation
        with torch.inference_mode():
            found.append(network(torch.from_numpy(values).permute(0, 3, 1, 2)).numpy())
    return np.concatenate(found).astype(float)


def unit(features: np.ndarray) -> np.ndarray:
    """The same directions of length 1, (..., D)."""
    size = np.linalg.norm(features, axis=-1, keepdims=True)
    return features / np.maximum(size, 1e-12)
