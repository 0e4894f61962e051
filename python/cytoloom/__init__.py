"""Train, score and apply U-Nets on microscopy images.

    import cytoloom as cl

    model = cl.train("data/train", trainer=cl.Trainer(minutes=10), out="nuclei.cytoloom")
    scores = cl.evaluate(model, "data/test")
    found = cl.predict(model, "images/", out="results/")

Names are imported when first used, so that importing the package costs nothing and starts no
backend. They are written once, in ``__init__.pyi``.
"""

import lazy_loader

from .version import __version__ as __version__

VERBS = {
    "train": "training.train:train",
    "evaluate": "evaluation.evaluate:evaluate",
    "compare": "evaluation.compare:compare",
    "predict": "prediction.predict:predict",
    "rank": "prediction.rank:rank",
    "measure": "measurement.measure:measure",
    "consensus": "experts.consensus:consensus",
    "export": "measurement.export:export",
    "export_model": "models.export_model:export_model",
    "report": "pages.report:report",
    "review": "reviewing.review:review",
    "check": "datasets.check:check",
    "plan": "prediction.plan:plan",
    "simulate": "simulate.folder:write",
    "info": "models.info:info",
    "convert": "volumes.convert:convert",
    "run_start": "runs.verbs:start",
    "run_list": "runs.verbs:table",
    "run_show": "runs.verbs:show",
    "run_compare": "runs.verbs:compare",
    "run_resume": "runs.verbs:resume",
    "run_remove": "runs.verbs:remove",
    "rerun": "runs.rerun:rerun",
    "cells_gather": "phenotypes.cells:cells",
    "cells_check": "phenotypes.check:check",
    "cells_features": "phenotypes.features:features",
    "cells_encode": "phenotypes.encode:encode",
    "cells_novelty": "phenotypes.novelty:novelty",
    "cells_wells": "phenotypes.per_well:wells",
    "cells_compare": "phenotypes.kinds:compare_features",
    "cells_similar": "phenotypes.similar:similar",
    "cells_demo": "pages.demo:cells_demo",
    "check_tracks": "tracks.check_tracks:check_tracks",
    "train_tracker": "tracks.train_tracker:train_tracker",
    "track": "tracks.track:track",
    "detect": "tracks.detect:detect",
    "score_links": "tracks.score_links:score_links",
    "solve": "tracks.solve:solve",
    "export_tracks": "tracks.export_tracks:export_tracks",
}
"""Where each verb is declared; the command line and R take what they offer from there. A new one
is its module, a line here (and one in ``__init__.pyi`` where it is public), and a file in R/."""

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
