"""Results as text for people: a module for each kind of result, and what they share."""
