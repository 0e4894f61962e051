"""Train the model of simulated nuclei that R's examples use: example-model.py FOLDER.

It is in inst/extdata, small and soon loaded; made again where the format of models changes.
"""

import sys
import tempfile
from pathlib import Path

import cytoloom as cl
from cytoloom.simulate.folder import write

folder = Path(sys.argv[1])
with tempfile.TemporaryDirectory() as work:
    train = write(Path(work) / "train", images=30, seed=1)
    cl.train(
        train,
        network=cl.UNet(filters=4, depth=3, stem_stride=1),
        trainer=cl.Trainer(iterations=400, batch_size=4, patch_px=96, learning_rate=0.005),
        # ten images held out, by which it is known how far to trust what is found
        validation=1 / 3,
        out=folder,
        overwrite=True,
    )
