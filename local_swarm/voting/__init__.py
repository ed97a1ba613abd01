"""A question and candidates in, their election out: the vote, its evidence, and the jury. Knows no worker."""
