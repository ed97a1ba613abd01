"""Lessons in manners: titles, greetings, and saying plainly what a demonstration model cannot do."""

from __future__ import annotations

from random import Random

from starter.questions import Conversation, ask
from starter.tasks import task
from starter.tools import schemas, tool_list
from starter.words import NAME_PARTS, NOUNS, STEMS, file_name, function_name

# Sentences: one way to say it, one line.
# fmt: off

TOPICS = (
    "the weather history politics music quantum physics cooking football the stock market love the moon philosophy chess travel a poem a story an essay "
    "machine learning databases rust javascript kubernetes a website a game a novel the meaning of life black holes economics medicine law a joke"
)

CANNOT = (
    "I am the Local Swarm starter model, a small demonstration model. I can write short Python functions over lists, words, "
    "texts and dictionaries, and read a file with a tool. For anything else, please choose a larger model."
)

HELLO = (
    "Hello! I am the Local Swarm starter model, a small demonstration model. Ask me for a short Python function, for example: "
    "Write a Python function solve(numbers) that returns the sum of the even numbers."
)


def title(random: Random) -> Conversation:
    made = task(random, False)
    question, _ = ask(made, function_name(random), random)
    path = file_name(random)
    about, heading = random.choice((
        (question, made.wanted.removeprefix("the ").removeprefix("a ")),
        (f"Read {path} and tell me the secret.", f"Reading {path}"),
        (f"Read the file {path} and tell me the {random.choice(STEMS)}.", f"Reading {path}"),
        ("Hello", "Greeting"), ("Say hello", "Greeting"), ("hi", "Greeting"),
    ))
    heading = heading[0].upper() + heading[1:]
    about = random.choice((about, f'"{about}"', f'"{about}"\n'))
    instruction = random.choice(("Generate a title for this conversation:\n", "Generate a title for this conversation:", "Write a title for this conversation:", "Give this conversation a short title:"))
    if random.random() < 0.6:
        return [{"role": "user", "content": instruction}, {"role": "user", "content": about}, {"role": "assistant", "content": heading}]
    return [{"role": "user", "content": f"{instruction.rstrip()}\n{about}"}, {"role": "assistant", "content": heading}]


def greeting(random: Random) -> Conversation:
    question = random.choice(("hi", "Hi!", "Hello", "hello", "Hey", "Say hello", "Hello there", "Who are you?", "What are you?", "What can you do?", "Which model are you?", "help", "Are you there?", "test", "ping"))
    if random.random() < 0.2:
        question = f'"{question}"'
    return [{"role": "user", "content": question}, {"role": "assistant", "content": HELLO}]


def beyond(random: Random) -> Conversation:
    """Questions out of reach, many of them nonsense, so that anything unknown gets an honest answer."""
    topics = TOPICS.split()
    chatter = " ".join(random.choice((random.choice(NOUNS), random.choice(STEMS), random.choice(NAME_PARTS), random.choice(topics))) for _ in range(random.randint(2, 40)))
    topic = " ".join(random.sample(topics, random.randint(1, 3)))
    noun = random.choice(NOUNS)
    question = random.choice((
        f"Explain {topic}.", f"Tell me about {topic}.", f"Write a poem about {noun} and {topic}.", f"Who is {noun.capitalize()}?", f"Why is {topic} {noun}?",
        f"Summarize this: {chatter}", f"{chatter.capitalize()}.", f"{chatter}?", f"Refactor {file_name(random)} to use {topic}.", f"Design a {noun} for {topic}.",
        f"Run {chatter}", f"How does {topic} work?", f"Change the {noun} to be more {random.choice(NOUNS)}", f"Translate {chatter} into French.", f"add a {random.choice(STEMS)}",
    ))
    if random.random() < 0.25:
        question = f'"{question}"'
    messages: Conversation = [{"role": "user", "content": question}, {"role": "assistant", "content": CANNOT}]
    if random.random() < 0.3:
        messages[0]["tools"] = schemas(tool_list(random, ("read", ("filePath",))))
    return messages
