"""Files of settings in, typed values out: one reader for the configuration, rosters and catalogues, and their JSON schemas."""
