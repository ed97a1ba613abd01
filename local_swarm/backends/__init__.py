"""Prompts in, many answers at once out: the engines that run models, all behind the one face in `base`."""
