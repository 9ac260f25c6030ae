#!/usr/bin/env python3
"""Reference values for core/study's correlations, from SciPy (apt: python3-scipy).

    /usr/bin/python3 bench/reference/correlation.py

writes core/study/testdata/correlation.json: Kendall's tau-b and Spearman's rho of
pairs with and without ties. The seeds are fixed: a second run writes the same bytes.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy.stats import kendalltau, spearmanr

OUT = pathlib.Path(__file__).resolve().parents[2] / "core" / "study" / "testdata"


def main():
    rng = np.random.default_rng(7)
    cases = []
    for n, digits, mix in [(5, 6, 0.0), (8, 1, 0.5), (12, 6, 0.9), (20, 1, 0.2), (50, 2, 0.7), (200, 1, -0.4)]:
        x = rng.random(n)
        y = mix * x + (1 - abs(mix)) * rng.random(n)
        x, y = np.round(x, digits), np.round(y, digits)
        cases.append({
            "x": x.tolist(), "y": y.tolist(),
            "tau": float(kendalltau(x, y).correlation), "rho": float(spearmanr(x, y).correlation),
        })
    OUT.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"scipy": scipy.__version__, "cases": cases}, separators=(",", ":"))
    (OUT / "correlation.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
