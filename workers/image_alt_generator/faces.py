"""Faces that look at the camera, by the Haar cascades that OpenCV ships."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 800  # pixels
SMALLEST = 0.06  # of the image's shorter side
SURE = 10.0  # weight of a detection; real faces score several times that


def count_faces(image: Image.Image) -> int:
    """Faces seen from the front with an eye visible. Misses profiles; strict, so that it seldom invents one."""
    import cv2
    from cv2.data import haarcascades

    gray = image.convert("L")
    gray.thumbnail((SIDE, SIDE))
    pixels = np.asarray(gray)
    least = max(24, int(SMALLEST * min(pixels.shape)))
    frontal = cv2.CascadeClassifier(haarcascades + "haarcascade_frontalface_alt2.xml")
    eyes = cv2.CascadeClassifier(haarcascades + "haarcascade_eye.xml")
    boxes, _, weights = frontal.detectMultiScale3(pixels, 1.1, 4, minSize=(least, least), outputRejectLevels=True)
    count = 0
    for (x, y, width, height), weight in zip(boxes, weights, strict=True):
        brow = cv2.resize(pixels[y : y + int(0.6 * height), x : x + width], (200, 120))
        count += weight >= SURE and len(eyes.detectMultiScale(brow, 1.1, 4, minSize=(20, 20))) > 0
    return count
