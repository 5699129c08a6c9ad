"""Detail that an autoencoder loses although the painting did not ask for it.

Painting that starts from the beauty render passes it through the autoencoder, and a small one blurs
fingers and eyes. What it loses of the render alone is known: the render minus its own round trip.
Added to the painted frame it brings the detail back, as long as the frame is still near the render.
"""

FULL_UP_TO = 0.5
"""Strength up to which the whole loss is made good; above, less and less, and nothing at 1."""


def kept_share(detail: float, strength: float) -> float:
    """Share of the render's lost detail to add, for a checkpoint's `detail` in 0..1."""
    return detail * min(1.0, (1.0 - strength) / (1.0 - FULL_UP_TO))
