"""Hypothesis strategies: valid, nearly valid and hostile inputs."""
