"""The only Beam besides graph.py and run.py: each transform wires a plain function."""
