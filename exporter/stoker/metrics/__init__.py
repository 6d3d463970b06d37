"""What passes between the stages: descriptions of metrics, their samples, and what a log line said."""

from stoker.metrics.desc import BASE_UNITS, Desc, ForeignDesc, Kind
from stoker.metrics.observation import Moment, Observation, Target
from stoker.metrics.sample import HistogramValue, Sample, sample_of

__all__ = [
    "BASE_UNITS",
    "Desc",
    "ForeignDesc",
    "HistogramValue",
    "Kind",
    "Moment",
    "Observation",
    "Sample",
    "Target",
    "sample_of",
]
