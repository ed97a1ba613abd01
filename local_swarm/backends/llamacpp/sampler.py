"""A seat and rows of scores in, what it says next and how likely that was out. Knows no sequences and no batches."""

from __future__ import annotations

from collections.abc import Sequence

from local_swarm.backends.llamacpp.library import LoadedModel
from local_swarm.backends.llamacpp.request import PrefillRows, Request, SampledToken, SeatState, TokenFacts
from local_swarm.backends.sampling import Logprobs, Row, Scores, adjust_scores, pick


class Sampler:
    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.logprobs = Logprobs(model.vocabulary)

    def sample(
        self, job: Request, writers: Sequence[SeatState], tried: Sequence[int], scores: Scores
    ) -> list[tuple[SeatState, list[SampledToken]]]:
        """For each of those who write on one branch what follows by scores (one more row than were tried, vocabulary), on for as
        long as the draws agree with what was tried."""
        rows = [Row(scores[at]) for at in range(1 + len(tried))]
        return [(writer, self._sample_seat(job, writer, tried, rows)) for writer in writers]

    def _sample_seat(
        self, job: Request, writer: SeatState, tried: Sequence[int], rows: Sequence[Row]
    ) -> list[SampledToken]:
        drawn: list[SampledToken] = []
        for at, row in enumerate(rows):
            drawn.append(self._next_token(job, writer, row))
            if at == len(tried) or drawn[-1].token != tried[at] or self.model.ends(tried[at]):
                break
        return drawn

    def _next_token(self, job: Request, writer: SeatState, row: Row) -> SampledToken:
        """The next token; its grammar and its siblings' drafts hear of it."""
        token = self.pick(job, writer, row)
        if writer.grammar and not self.model.ends(token):
            writer.grammar.accept(token)
        job.lookup.add(writer.seat, token)
        return SampledToken(token, row.logprob(token, self.logprobs), self._likeliest(job, row, token))

    def pick(self, job: Request, writer: SeatState, row: Row) -> int:
        """With a grammar one is drawn first and checked alone; only where it is not allowed all are checked."""
        draw, place = writer.draw, job.lookup.length(writer.seat)
        if draw.adjusts:
            row = Row(adjust_scores(row.scores, draw, job.lookup.tokens_of(writer.seat)))
        token = row.pick(draw, place)
        if writer.grammar and not writer.grammar.allows(token):
            return pick(writer.grammar.mask(row.scores), draw, place)
        return token

    def score_prompt(self, job: Request, part: PrefillRows, scores: Scores) -> list[TokenFacts]:
        """How likely the tokens after those just read are; they stand in the prompt as well. Nothing comes before the first."""
        found: list[TokenFacts] = [] if job.prefilled else [(self.model.text(job.tokens[0]), None, [])]
        for place, token in enumerate(job.tokens[job.prefilled + 1 : job.prefilled + part.count + 1]):
            row = Row(scores[part.first + place])
            facts = self._likeliest(job, row, token)
            found.append(facts or (self.model.text(token), row.logprob(token, self.logprobs), []))
        return found

    def _likeliest(self, job: Request, row: Row, token: int) -> TokenFacts | None:
        """What clients are told of a token where they ask for it."""
        if job.logprobs is None:
            return None
        top = [(self.model.text(one), nats) for one, nats in self.logprobs.top(row.scores, job.logprobs)]
        return self.model.text(token), row.logprob(token, self.logprobs), top
