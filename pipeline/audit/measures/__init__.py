"""From a panel to numbers with intervals: what a statistic is of, and how many stand behind it."""
