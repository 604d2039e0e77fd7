"""What a trained VideoRM is worth: accuracy beside baselines, probes, best-of-n, calibration."""
