"""A question and candidates in, their election out: the vote, its evidence and the jury that gathers it. Knows no worker."""
