from . import images as images
from . import losses as losses
from . import metrics as metrics
from . import plots as plots
from . import simulate as simulate
from . import tasks as tasks
from .datasets.check import check as check
from .datasets.data import Data as Data
from .errors import BackendError as BackendError
from .errors import InvalidError as InvalidError
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.scores import Scores as Scores
from .experts.consensus import consensus as consensus
from .experts.result import Consensus as Consensus
from .images.normalize import Normalize as Normalize
from .losses.losses import dice_coef as dice_coef
from .losses.losses import dice_coef_loss as dice_coef_loss
from .measurement.export import export as export
from .measurement.measure import measure as measure
from .measurement.outlines import outlines as outlines
from .measurement.relate import relate as relate
from .models.info import Info as Info
from .models.info import info as info
from .models.load import load as load
from .models.model import Model as Model
from .networks.unet import UNet as UNet
from .networks.unet import unet as unet
from .patches.augment import Augment as Augment
from .prediction.predict import predict as predict
from .prediction.predictions import Predictions as Predictions
from .prediction.reopened import results as results
from .training.plan import plan as plan
from .training.recipe import Plan as Plan
from .training.train import train as train
from .training.trainer import Trainer as Trainer

VERBS: dict[str, str]
__version__: str
