"""READ FIRST. What each kind of plugin promises. Types only: nothing here computes.

A table becomes a model on this way, and each stop is a kind of plugin:

    Source -> Dataset, Schema -> Split -> Feature -> Batch -> Model.fit -> Form -> Task.answers -> Metric
                    \\________ Condition (examines all of it) ________/

A *model* trains; what it returns is a *form*: the fitted estimator as plain arrays that answer by themselves, can be
written down as data, and can be drawn as an ONNX graph. A bundle stores forms, so opening one needs no trainer.

Most models see a row as one line of a matrix. Networks see it as *tensors*, one for each column of texts, pictures,
sounds or series, and one for all other columns together; they are trained by the loop in `training/gradient.py`.

A plugin is a file in the folder of its family and defines one object with the family's name in the singular
(`features/number.py` defines `feature`). `luban.core.registry` finds it; there is no list to add it to. What the
plugins of a family promise is in the file here that is called as the family is, with what they are given and give:

    sources samples splits      where data come from, and which rows are held out
    features                    a column as numbers, and as a network sees it
    models forms                who trains, and what is trained; `state` is either's as plain data
    tasks metrics               what is predicted, and how well
    conditions                  what goes wrong, and what is looked at to see it
    explainers                  why an answer is as it is
    trackers logs               who is told of a run, and what other programs tell of theirs

All of it is imported from `luban.protocols`.
"""

from luban.protocols.conditions import Comparison as Comparison
from luban.protocols.conditions import Condition as Condition
from luban.protocols.conditions import Examination as Examination
from luban.protocols.conditions import Sides as Sides
from luban.protocols.explainers import Attributed as Attributed
from luban.protocols.explainers import Effort as Effort
from luban.protocols.explainers import Explainer as Explainer
from luban.protocols.explainers import Inside as Inside
from luban.protocols.explainers import Subject as Subject
from luban.protocols.explainers import Values as Values
from luban.protocols.features import Cut as Cut
from luban.protocols.features import Encoder as Encoder
from luban.protocols.features import Feature as Feature
from luban.protocols.features import Pieced as Pieced
from luban.protocols.features import Shape as Shape
from luban.protocols.features import Shown as Shown
from luban.protocols.features import TensorFeature as TensorFeature
from luban.protocols.forms import DOUBLE as DOUBLE
from luban.protocols.forms import Builder as Builder
from luban.protocols.forms import Form as Form
from luban.protocols.forms import NoGraph as NoGraph
from luban.protocols.logs import Log as Log
from luban.protocols.metrics import Metric as Metric
from luban.protocols.models import Adapting as Adapting
from luban.protocols.models import Blocked as Blocked
from luban.protocols.models import Continuing as Continuing
from luban.protocols.models import Counting as Counting
from luban.protocols.models import Customary as Customary
from luban.protocols.models import Entry as Entry
from luban.protocols.models import LaidOut as LaidOut
from luban.protocols.models import Model as Model
from luban.protocols.models import Narrowing as Narrowing
from luban.protocols.models import NetworkModel as NetworkModel
from luban.protocols.models import Pretrained as Pretrained
from luban.protocols.models import Sizing as Sizing
from luban.protocols.models import Wording as Wording
from luban.protocols.models import Work as Work
from luban.protocols.samples import Sample as Sample
from luban.protocols.sources import Reading as Reading
from luban.protocols.sources import Source as Source
from luban.protocols.sources import Wish as Wish
from luban.protocols.splits import Rows as Rows
from luban.protocols.splits import Split as Split
from luban.protocols.state import State as State
from luban.protocols.tasks import Arranged as Arranged
from luban.protocols.tasks import Arranging as Arranging
from luban.protocols.tasks import Asking as Asking
from luban.protocols.tasks import Modelling as Modelling
from luban.protocols.tasks import Pairing as Pairing
from luban.protocols.tasks import Spanning as Spanning
from luban.protocols.tasks import Tagging as Tagging
from luban.protocols.tasks import Target as Target
from luban.protocols.tasks import Task as Task
from luban.protocols.trackers import Point as Point
from luban.protocols.trackers import Tracker as Tracker
from luban.protocols.trackers import Tracking as Tracking
