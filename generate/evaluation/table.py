"""The figures as rows of the report: a name, a value, what it should be and whether it is."""

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

_PARTS = {
    "body": ("Body to keypoints", 6.0),
    "left_hand": ("Left hand to keypoints", 4.0),
    "right_hand": ("Right hand to keypoints", 4.0),
    "face": ("Face to keypoints", 4.0),
}
_SIGNALS = {
    "mouth_opening": "Mouth opening follows the source",
    "brow_height_left": "Left brow follows the source",
    "brow_height_right": "Right brow follows the source",
    "eye_opening_left": "Left eye follows the source",
    "eye_opening_right": "Right eye follows the source",
}
_SSIM = {
    "successive": "SSIM to the frame before",
    "to_first": "SSIM to the first frame",
    "to_render": "SSIM to the render",
}


class Row(TypedDict):
    """One line of the report's table. aim is None where a figure only informs."""

    name: str
    text: str
    aim: str | None
    met: bool | None


def report_rows(figures: Mapping[str, Any]) -> list[Row]:
    """The rows for what `generate.evaluate.evaluate` found, those that are missing named last."""
    return [*_rows(figures)]


def _rows(figures: Mapping[str, Any]) -> Iterator[Row]:
    for part, (name, most) in _PARTS.items():
        value = figures.get("reprojection", {}).get(part)
        if value is not None:
            yield Row(
                name=name, text=f"{value:.1f} px of 512", aim=f"≤ {most:g}", met=value <= most
            )
    for hand, found in figures.get("hands", {}).items():
        if found["ratio"] is not None:
            yield _share(f"{_title(hand)} found as often as in the source", found["ratio"], 0.7)
    if "silhouette" in figures:
        yield _share("Outline covers the render (IoU)", figures["silhouette"]["mean"], 0.9)
    if figures.get("colours", {}).get("all") is not None:
        yield _share("Colours nearest to the reference", figures["colours"]["all"], 0.8)
    for signal, name in _SIGNALS.items():
        value = figures.get("face_correlation", {}).get(signal)
        if value is not None:
            yield Row(name=name, text=f"r = {value:.2f}", aim=None, met=None)
    for key, name in _SSIM.items():
        value = figures.get("ssim", {}).get(key)
        if value is not None:
            yield Row(name=name, text=f"{value:.3f}", aim=None, met=None)
    for group, value in figures.get("warp_error", {}).get("generated", {}).items():
        render = figures["warp_error"]["render"][group]
        if value is not None:
            text = f"{value:.1f} of 255 (render {render:.1f})"
            yield Row(name=f"Warp error, {group}", text=text, aim=None, met=None)
    for figure, reason in figures.get("skipped", {}).items():
        yield Row(name=_title(figure), text=f"not measured: {reason}", aim=None, met=None)


def _share(name: str, value: float, least: float) -> Row:
    return Row(name=name, text=f"{value:.2f}", aim=f"≥ {least:g}", met=value >= least)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()
