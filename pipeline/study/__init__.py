"""A study of settings: how many frames, which temperature, how many draws, which rubrics, which judge
agree best with people, and what each costs.

VideoPrefer ablates two of them (NeurIPS 2024, OpenReview 3ivnixHy16): frames 4, 6, 8, 10 and
temperature 0.3, 0.5, 0.7, 0.9. Every point of a study is a run of its own on the clips that people rated.
"""
