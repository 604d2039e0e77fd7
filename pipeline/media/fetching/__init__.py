"""A clip's bytes from a disk, a store or an https address, and from nowhere else."""
