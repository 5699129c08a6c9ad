"""Expression enhancement by a small network: warp, occlusion and fill, driven by facial actions."""
