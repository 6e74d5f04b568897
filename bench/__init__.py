"""Measurements; each prints ratios within one run. Kept out of the tests: nothing here asserts a time."""
