"""Hardware and options in, a plan and a model file out: `registry` is the catalogue, `selector` chooses, `planner` plans."""
