"""A vote across machines: whom to ask, for how long to wait, and how far each is believed."""
