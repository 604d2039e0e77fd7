"""VideoRM, the video reward model: data, network, training, evaluation, scoring. Torch lives here."""
