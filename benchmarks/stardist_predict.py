"""Predict one image with a trained StarDist; runs in StarDist's own environment, without cytoloom.

stardist_predict.py folder image.npy labels.tif --times 5
"""

from __future__ import annotations

import argparse
import json
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="that the model `stardist` is in")
    parser.add_argument("image")
    parser.add_argument("labels", help="where to write what is found")
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    import numpy as np
    import tifffile
    from csbdeep.utils import normalize
    from stardist.models import StarDist2D

    model = StarDist2D(None, name="stardist", basedir=given.folder)
    image = np.load(given.image)

    def predict():
        return model.predict_instances(normalize(image, 1, 99.8, axis=(0, 1)))[0]

    found = predict()
    seconds = []
    for _ in range(given.times):
        begun = time.perf_counter()
        predict()
        seconds.append(time.perf_counter() - begun)
    tifffile.imwrite(given.labels, found.astype(np.uint16))
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
