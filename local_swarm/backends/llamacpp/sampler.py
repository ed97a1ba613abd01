"""A seat and rows of logits in, its next tokens and how likely they were out. Knows no sequences and no batches."""

from __future__ import annotations

from collections.abc import Sequence

from local_swarm.backends.llamacpp.library import LoadedModel
from local_swarm.backends.llamacpp.request import PrefillRows, Request, SampledToken, SeatState
from local_swarm.backends.process import messages
from local_swarm.backends.sampling import Logprobs, Row, Scores, adjust_scores, pick


class Sampler:
    """Samples for every seat by its own parameters and grammar; a seed gives the same answer whoever else is in the
    batch."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.logprobs = Logprobs(model.vocabulary)

    def sample(
        self, request: Request, seats: Sequence[SeatState], tried: Sequence[int], scores: Scores
    ) -> list[tuple[SeatState, list[SampledToken]]]:
        """What follows for each seat of one branch, by scores (1 + len(tried), vocabulary). A seat samples on for as
        long as its tokens agree with the draft that was `tried`, so the last of them is always one that is not decoded
        yet."""
        rows = [Row(scores[at]) for at in range(1 + len(tried))]
        return [(seat, self._sample_seat(request, seat, tried, rows)) for seat in seats]

    def _sample_seat(
        self, request: Request, seat: SeatState, tried: Sequence[int], rows: Sequence[Row]
    ) -> list[SampledToken]:
        sampled: list[SampledToken] = []
        for at, row in enumerate(rows):
            sampled.append(self._next_token(request, seat, row))
            if at == len(tried) or sampled[-1].token != tried[at] or self.model.ends(tried[at]):
                break
        return sampled

    def _next_token(self, request: Request, seat: SeatState, row: Row) -> SampledToken:
        """The next token, which the seat's grammar and its siblings' drafts take note of."""
        token = self.pick(request, seat, row)
        if seat.grammar and not self.model.ends(token):
            seat.grammar.accept(token)
        request.lookup.add(seat.index, token)
        return SampledToken(token, row.logprob(token, self.logprobs), self._likeliest(request, row, token))

    def pick(self, request: Request, seat: SeatState, row: Row) -> int:
        """With a grammar a token is sampled first and checked alone; only where it is not allowed all are masked."""
        params, place = seat.params, request.lookup.length(seat.index)
        if params.adjusts_scores:
            row = Row(adjust_scores(row.scores, params, request.lookup.tokens_of(seat.index)))
        token = row.pick(params, place)
        if seat.grammar and not seat.grammar.allows(token):
            return pick(seat.grammar.mask(row.scores), params, place)
        return token

    def score_prompt(self, request: Request, part: PrefillRows, scores: Scores) -> list[messages.ScoredToken]:
        """How likely the prompt's own tokens after those just prefilled are. The first has nothing before it to be
        likely by."""
        found: list[messages.ScoredToken] = (
            [] if request.prefilled else [(self.model.text(request.tokens[0]), None, [])]
        )
        for place, token in enumerate(request.tokens[request.prefilled + 1 : request.prefilled + part.count + 1]):
            row = Row(scores[part.first + place])
            facts = self._likeliest(request, row, token)
            found.append(facts or (self.model.text(token), row.logprob(token, self.logprobs), []))
        return found

    def _likeliest(self, request: Request, row: Row, token: int) -> messages.ScoredToken | None:
        """A token's log-probability and the likeliest in its place, where clients ask for them."""
        if request.logprobs is None:
            return None
        top = [(self.model.text(one), nats) for one, nats in self.logprobs.top(row.scores, request.logprobs)]
        return self.model.text(token), row.logprob(token, self.logprobs), top
