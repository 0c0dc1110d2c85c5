"""The merge, step by step: mirrors, quarantine, target last."""
