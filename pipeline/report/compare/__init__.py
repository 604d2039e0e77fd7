"""Two runs side by side: what another judge, another rubric or another date changed."""
