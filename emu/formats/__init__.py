"""What each VMM writes: schemas in field order, envelopes and loaders, one module per format."""
