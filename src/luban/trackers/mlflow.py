"""MLflow: a run on its server for each unit of work, in an experiment that is named for the bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from luban.core.errors import UsageError
from luban.core.lazy import require
from luban.protocols import Point

AT_ONCE = 1_000
"""Numbers that the server takes in one request."""
MOST_PARAMETERS, LONGEST = 100, 500
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""MLflow would send what it is used for to its makers, and wait for minutes for a server that is not there."""


@final
class Experiment:
    """What one run tells an MLflow server. known: the runs there by the name of their part, kept by whoever asks."""

    def __init__(self, client: Any, experiment: str, known: dict[str, str]) -> None:
        self._client = client
        self._experiment = experiment
        self._known = known

    def describe(self, part: str, values: Mapping[str, str], seconds: float) -> None:
        from mlflow.entities import Param

        some = list(values.items())[:MOST_PARAMETERS]
        told = [Param(name, value[:LONGEST]) for name, value in some]
        self._client.log_batch(self._run(part), params=told)

    def add(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        by_part: dict[str, list[Any]] = {}
        for point in points:
            metric = Metric(_name(point.name), point.value, int(point.seconds * 1000), point.step)
            by_part.setdefault(point.part, []).append(metric)
        for part, metrics in by_part.items():
            for first in range(0, len(metrics), AT_ONCE):
                self._client.log_batch(self._run(part), metrics=metrics[first : first + AT_ONCE])

    def close(self) -> None:
        for run in self._known.values():
            self._client.set_terminated(run)

    def _run(self, part: str) -> str:
        if part not in self._known:
            self._known[part] = self._client.create_run(self._experiment, run_name=part).info.run_id
        return self._known[part]


@final
class MLflow:
    """Tells the server that is named, or that MLFLOW_TRACKING_URI names."""

    def open(self, run: str, where: str, beside: Path, known: dict[str, str]) -> Experiment:
        """Raises UsageError where no server is named, or none answers."""
        server = where or os.environ.get("MLFLOW_TRACKING_URI", "")
        if not server:
            raise UsageError(
                "no MLflow server is named.", where="--track mlflow", fix="--track mlflow=http://127.0.0.1:5000"
            )
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        tracking = require("mlflow.tracking", extra="track", purpose="--track mlflow")
        from mlflow.exceptions import MlflowException

        client = tracking.MlflowClient(server)
        try:
            found = client.get_experiment_by_name(run)
            experiment = client.create_experiment(run) if found is None else found.experiment_id
        except MlflowException as error:
            raise UsageError(
                f"the MLflow server does not answer as one: {str(error).splitlines()[0][:200]}",
                where=f"--track mlflow={server}",
                fix="start it, or leave out --track",
            ) from None
        return Experiment(client, experiment, known)


def _name(name: str) -> str:
    """The name with the characters that MLflow takes."""
    return "".join(letter if letter.isalnum() or letter in "_-./ " else "_" for letter in name)


tracker = MLflow()
