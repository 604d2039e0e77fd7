"""How well each judge does its work, people aside: failures, cost, draws, order, and each other.

``write.write_judges`` is what a run calls; ``names`` is what readers of the file need.
"""
