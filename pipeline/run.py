"""Entry point: ``python -m pipeline.run --config demo --output out/demo``. Defines nothing."""

import sys

if __name__ == "__main__":
    from pipeline.command import main

    sys.exit(main(sys.argv[1:]))
