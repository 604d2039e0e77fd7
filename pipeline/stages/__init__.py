"""The stages of a run, one file each: what it is made from, its pipeline, its books."""
