from __future__ import annotations

import pytest

from local_swarm.voting.extract import extract_text
from local_swarm.voting.question import question

REFUSALS = """
I'm sorry, but I can't assist with that.
I’m sorry, but I can’t help you with this request.
As an AI language model, I cannot compose songs.
I'm only an AI and can't do that.
I cannot fulfill this request. It goes against my guidelines.
I am unable to open links or browse the internet.
I must decline this request.
I won't write that.
I don't have access to real-time data.
Unfortunately, I can't answer this question. Is there anything else I can help with?
I apologize, but I am not able to generate that content. Please let me know if you have other questions!
I'm afraid that's not something I can do.
This request violates our content policy.
Request denied.
Es tut mir leid, aber dabei kann ich nicht helfen.
Je suis désolé, mais je ne peux pas vous aider.
Lo siento, pero no puedo ayudar con eso.
Mi dispiace, ma non posso aiutarti.
Desculpe, mas não posso ajudar com isso.
抱歉，我无法回答这个问题。
申し訳ありませんが、お答えできません。
죄송합니다. 도와드릴 수 없습니다.
Извините, я не могу помочь с этим.
Error: context length exceeded
Error 500: Internal Server Error
502 Bad Gateway
HTTP 429 Too Many Requests
This model's maximum context length is 4096 tokens.
openai.RateLimitError: Error code: 429
CUDA out of memory. Tried to allocate 2 GiB
{"error": {"message": "Rate limit exceeded", "code": 429}}
<html><head><title>503 Service Unavailable</title></head></html>
Sorry, something went wrong.
"""
ANSWERS = """
Sorry for the confusion. The answer is 42.
I can't believe it's May already! The rose blooms in June.
I don't know.
There is no real solution.
Cannot be determined from what is given.
I cannot recommend this book enough: it is a joy from start to end.
"I can't help you," said the king, and the knight rode on into the dark forest, where wolves were waiting.
He refused to open the door.
I can't browse the web, but here is what I know: Lima is the capital of Peru.
I can't find any error in this text; it is well written.
You can't divide by zero.
404 is the status of a page that was not found.
I can't give you an exact figure, but the population is about 8 million.
I will not go gentle into that good night. I will rage and burn until the light is gone, and then I will rest.
No, 91 is 7 times 13.
Access denied means that you lack permission: run it as the owner of the file.
{"status": "fine"}
"""


@pytest.mark.parametrize("reply", REFUSALS.strip().split("\n"))
def test_a_refusal_or_an_error_is_no_answer(reply: str) -> None:
    answer = extract_text(reply, question("Tell me something about our town."))
    assert (answer.kind, answer.complaint) == ("refusal", "refuses")


@pytest.mark.parametrize("reply", ANSWERS.strip().split("\n"))
def test_who_answers_does_not_refuse(reply: str) -> None:
    assert extract_text(reply, question("Tell me something about our town.")).kind != "refusal"


def test_a_refusal_with_a_number_in_it_is_no_number() -> None:
    asked = question("How many apples are left?")
    assert extract_text("Error 429: Too Many Requests", asked).kind == "refusal"
    assert extract_text("I'm sorry, but I can't help with that. See rule 7.", asked).kind == "refusal"


def test_code_is_an_answer_whatever_stands_beside_it() -> None:
    assert extract_text("I can't run it here.\n```python\ndef f(x):\n    return x\n```").kind == "code"


@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        ("Write a polite sentence to decline an invitation.", "I'm sorry, but I can't accept your kind offer."),
        ("Translate 'Je ne peux pas vous aider' into English.", "I cannot help you."),
        ("What does this print? print(1/0)", "Traceback (most recent call last):\nZeroDivisionError: division by zero"),
        ("Which error comes after too many requests?", "429 Too Many Requests"),
    ],
)
def test_a_refusal_or_an_error_that_was_asked_for_is_an_answer(prompt: str, reply: str) -> None:
    assert extract_text(reply, question(prompt)).kind != "refusal"
