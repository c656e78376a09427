"""Deliberately simple models to compare the machine's parts with: slow, and easy to check."""
