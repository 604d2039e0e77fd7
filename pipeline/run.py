"""Entry point: ``python -m pipeline.run --config demo --output out/demo``. Defines nothing."""

import os
import sys

if __name__ == "__main__":
    # One thread per process for linear algebra: the work is spread over processes, and a second
    # thread in each only makes them wait for one another. Must be set before numpy is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from pipeline.__main__ import leaving, main

    sys.exit(leaving(main(["run", *sys.argv[1:]])))
