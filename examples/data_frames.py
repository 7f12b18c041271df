"""Tables of polars and pandas go in and answers of the same library come out; no file is needed."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

import luban

random = np.random.default_rng(0)
age, smoker = random.integers(18, 90, 600), random.choice(["yes", "no", "never"], 600)
risk = 1 / (1 + np.exp(-(age - 60) / 8 - 2 * (smoker == "yes")))
people = pl.DataFrame({"age": age, "smoker": smoker, "ill": np.where(random.random(600) < risk, "ill", "well")})

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(people, "ill", positive="ill", model="linear", out=Path(folder) / "people.luban")
    for finding in bundle.findings:
        print(f"{finding.severity}: {finding.text}")

    new = pd.DataFrame({"age": [30, 80], "smoker": ["never", "yes"]})
    print(type(bundle.predict(new)).__module__, list(bundle.predict(new)))
    print(bundle.predict_proba(pl.from_pandas(new)))
