"""Which point of OpenPose and of COCO-WholeBody is which point of MediaPipe."""

from __future__ import annotations

# Body: MediaPipe has no neck and no middle of the hips, and one toe where BODY_25 has two.
BODY25_TO_POSE: dict[int, int] = {
    0: 0,  # nose
    2: 12,  # right shoulder, elbow, wrist
    3: 14,
    4: 16,
    5: 11,  # left shoulder, elbow, wrist
    6: 13,
    7: 15,
    9: 24,  # right hip, knee, ankle
    10: 26,
    11: 28,
    12: 23,  # left hip, knee, ankle
    13: 25,
    14: 27,
    15: 5,  # right eye, left eye
    16: 2,
    17: 8,  # right ear, left ear
    18: 7,
    19: 31,  # left big toe, heel
    21: 29,
    22: 32,  # right big toe, heel
    24: 30,
}

# Face: the nearest vertex of the mesh for each of iBUG's 68 points, then the two pupils; "right"
# is the signer's own and comes first. The choice for contour, brows, eyes and lips is the usual one
# (as in PeizhiYan/Mediapipe_2_Dlib_Landmarks; where that averages two vertices, one is taken).
FACE70_TO_MESH: tuple[int, ...] = (
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107),  # right brow
    *(336, 296, 334, 293, 300),  # left brow
    *(168, 197, 5, 4),  # bridge of the nose
    *(98, 97, 2, 326, 327),  # below the nose
    *(33, 160, 158, 133, 153, 144),  # right eye
    *(362, 385, 387, 263, 373, 380),  # left eye
    *(61, 39, 37, 0, 267, 269, 291),  # outer lips, upper
    *(321, 314, 17, 84, 91),  # outer lips, lower
    *(78, 82, 13, 312, 308),  # inner lips, upper
    *(317, 14, 87),  # inner lips, lower
    *(468, 473),  # pupils
)

# COCO-WholeBody's 133: 17 of COCO's body, 6 of the feet, 68 of the face (iBUG's, as above), 21 of
# the left and 21 of the right hand (Jin et al. 2020; data_format.md of jin-s13/COCO-WholeBody).
COCO133_TO_POSE: dict[int, int] = {
    0: 0,  # nose
    1: 2,  # left eye, right eye
    2: 5,
    3: 7,  # left ear, right ear
    4: 8,
    **{coco: coco + 6 for coco in range(5, 11)},  # shoulders, elbows, wrists
    **{coco: coco + 12 for coco in range(11, 17)},  # hips, knees, ankles
    17: 31,  # left big toe, heel
    19: 29,
    20: 32,  # right big toe, heel
    22: 30,
}
COCO133_FACE, COCO133_LEFT_HAND, COCO133_RIGHT_HAND = slice(23, 91), slice(91, 112), slice(112, 133)
