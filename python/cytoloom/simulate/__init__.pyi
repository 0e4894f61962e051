from .folder import kinds as kinds
from .folder import write as write
from .optics import Optics as Optics
from .people import annotators as annotators
from .scenes import cells as cells
from .scenes import nuclei as nuclei
from .scenes import nuclei_3d as nuclei_3d
