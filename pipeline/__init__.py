"""From configuration to an annotated preference dataset, a trained VideoRM and a report."""
