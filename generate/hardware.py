"""Which device and number format a model runs in on this machine. Imports torch when called."""

from typing import TYPE_CHECKING

from ..errors import UserError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "fp16")


def best_device() -> str:
    """ "cuda", "mps" or "cpu": the fastest that torch can use here."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def best_precision(device: str) -> str:
    """The fastest number format that paints well on `device`.

    fp16 on GPUs; on a CPU bf16 where it multiplies bf16 natively (twice as fast), else fp32.
    """
    if device != "cpu":
        return "fp16"
    import torch

    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    native = any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return "bf16" if native else "fp32"


def torch_dtype(precision: str) -> "torch.dtype":
    """The torch type of one of PRECISIONS.

    Raises:
        UserError: there is no such precision.
    """
    import torch

    types = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if precision not in types:
        raise UserError(f"There is no precision {precision!r}: use {', '.join(PRECISIONS)}.")
    return types[precision]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch raised `error` because memory ran out, on any device."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "not enough memory" in text or "can't allocate memory" in text
    )


def free_memory() -> None:
    """Give cached memory back to the device."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def batch_size(device: str, width: int, height: int) -> int:
    """How many frames of this working size to paint at once.

    On a GPU by its free memory, at about 1 GB a frame of 512x512 with guidance and three
    ControlNets in fp16. On a CPU batches only spread the cost of each call, so they stay small.
    """
    area = width * height / (512 * 512)
    if device == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info()
        return max(1, min(16, int(0.8 * free / (1e9 * area))))
    return max(1, min(8, int(2 / area)))
