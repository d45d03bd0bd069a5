"""The C steps of the Python world, for `npm run bench -- cstep`: scikit-learn's KMeans and SciPy's SVD.

    cstep.py FOLDER ROUNDS      FOLDER has weights.f64 (N), warm.f64 (rows x cols) and shape.json {rows, cols, rank}
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import scipy
import scipy.linalg
import sklearn
from sklearn.cluster import KMeans

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
shape = json.loads((folder / "shape.json").read_text())
weights = np.fromfile(folder / "weights.f64")
matrix = np.fromfile(folder / "warm.f64").reshape(shape["rows"], shape["cols"])


def timed(f):
    """Milliseconds of each round, and the last result."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        result = f()
        times.append(1e3 * (time.perf_counter() - start))
    return times, result


times, kmeans = timed(
    lambda: KMeans(n_clusters=2, n_init=10, random_state=0).fit(weights.reshape(-1, 1))
)
svd_times, (_, values, _) = timed(lambda: scipy.linalg.svd(matrix, full_matrices=False))
rank = shape["rank"]
print(
    json.dumps(
        {
            "versions": f"scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}, NumPy {np.__version__}",
            "kmeans_ms": float(np.median(times)),
            "kmeans_distortion": float(kmeans.inertia_),
            "svd_ms": float(np.median(svd_times)),
            "svd_distortion": float((values[rank:] ** 2).sum()),
        }
    )
)
