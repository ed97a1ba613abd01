"""A question and the JavaScript that answers it in, what is to be called out: a function, a class or a whole program. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from local_swarm.sandbox.job import SPARE
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.behaviour.inputs import MANY, MOST_OPTIONAL, Signature, in_words
from local_swarm.voting.behaviour.targets import MOST_METHODS, SCRIPT_WORDS, Target, common, usual
from local_swarm.voting.behaviour.values import guess_kind
from local_swarm.voting.javascript.module import JavaScriptModule, Parameters, javascript_module
from local_swarm.voting.javascript.program import program_of, whole_program
from local_swarm.voting.question import Question

HINTS = {
    "number": "int",
    "bigint": "int",
    "string": "str",
    "boolean": "bool",
    "number[]": "list[int]",
    "string[]": "list[str]",
    "array<number>": "list[int]",
    "array<string>": "list[str]",
    "readonlyarray<number>": "list[int]",
    "number[][]": "list[list]",
    "string[][]": "list[list]",
    "object": "dict",
    "any": "any",
    "unknown": "any",
}
TYPED = re.compile(
    r"(?P<name>[^:?=]++)(?P<optional>\?)?(?::(?P<hint>(?:[^=]|=>)++))?(?P<default>=(?!>).*+)?", re.DOTALL
)
MODIFIERS = re.compile(r"^(?:(?:public|private|protected|readonly|override)\s++)++")
SHOWN = re.compile(r"\bconsole\.(?:log|info)\b|\bprocess\.stdout\b")


def javascript_target(question: Question, answers: Sequence[ExtractedAnswer]) -> Target | None:
    """None where there is nothing to call."""
    modules = [module_of(answer) for answer in answers]
    if is_whole_program(question, modules, answers):
        return Target("program", "")
    found = common([made for module in modules if (made := offer(module, question))])
    if found is None:
        return None
    form, name = found
    if form == "class":
        return class_target(name, [module.classes[name] for module in modules if name in module.classes])
    described = [one for module in modules if (one := signature_in(module, name))]
    return Target("function", name, in_words(question.text, name) or usual(described))


def module_of(answer: ExtractedAnswer) -> JavaScriptModule:
    return javascript_module(answer.body, answer.language)


def is_whole_program(
    question: Question, modules: Sequence[JavaScriptModule], answers: Sequence[ExtractedAnswer]
) -> bool:
    """Whether a program is asked for: most read their standard input, or print and nothing else is named."""
    asked = question.asked
    if question.entry_point or asked.kind in ("function", "class"):
        return False
    if asked.kind == "program":
        return True
    reading = sum(module.reads_input for module in modules)
    printing = sum(bool(SHOWN.search(answer.body)) for answer in answers)
    scripted = not asked.names and bool(SCRIPT_WORDS.search(question.text))
    return 2 * reading > len(modules) or (scripted and 2 * printing > len(modules))


def offer(module: JavaScriptModule, question: Question) -> tuple[str, str] | None:
    """(form, name) of what one answer has to be called. A class that exists for one method is called by that."""
    named = [name for name in question.asked.names if module.defines(name)]
    top = [name for name in module.names if name not in module.reached]
    wanted = question.entry_point
    if wanted is None and question.asked.kind != "class" and top:
        wanted = next((name for name in named if name in module.functions), top[-1])
    if wanted is None and module.classes:
        wanted = next((name for name in named if name in module.classes), list(module.classes)[-1])
        inner = [name for name in module.classes[wanted] if name != "constructor"]
        reached = [name for name in inner if name in module.reached]
        if reached and (wanted == "Solution" or len(inner) == 1):
            return "function", next((name for name in named if name in reached), reached[-1])
    if wanted is None:
        wanted = next(iter(named or module.names), None)
    if wanted is None:
        return None
    return "class" if wanted in module.classes else "function", wanted


def class_target(name: str, classes: Sequence[Mapping[str, Parameters]]) -> Target | None:
    """With the methods that most of the classes have, in the order of their names."""
    told: dict[str, list[Signature]] = {}
    for made in classes:
        for method, given in made.items():
            told.setdefault(method, []).append(signature_of(method, given))
    told.pop("constructor", None)
    constructor = usual([constructor_of(made) for made in classes])
    used = sorted(
        method for method, all_of_it in told.items() if 2 * len(all_of_it) > len(classes) and method[0] not in "_#"
    )
    methods = tuple(one for method in used[:MOST_METHODS] if (one := usual(told[method])))
    return Target("class", name, constructor, methods=methods) if methods else None


def constructor_of(made: Mapping[str, Parameters]) -> Signature:
    """With the arguments that it must be given and no more; a class may have none."""
    given = made.get("constructor", ())
    return signature_of("constructor", [one for one in given if not is_optional(one) and not one.startswith("...")])


def programs_for(target: Target, answers: Mapping[int, ExtractedAnswer]) -> dict[int, str]:
    """What runs for each, and the whole of it beside where something was taken away."""
    made = {}
    for index, answer in answers.items():
        module = module_of(answer)
        whole = whole_program(answer.body, module)
        if target.form == "program":
            made[index] = f"{SPARE}{SPARE}{whole}"
        else:
            program = program_of(answer.body, module, target.name)
            made[index] = f"{program}{SPARE}{SPARE}{whole}" if len(whole) > len(program) else program
    return made


def signature_in(module: JavaScriptModule, name: str) -> Signature | None:
    """None where its parameters are not to be seen."""
    given = module.functions.get(name)
    return None if given is None else signature_of(name, given)


def signature_of(name: str, given: Iterable[str]) -> Signature:
    """Of parameters as they are written, types and defaults included."""
    given = [MODIFIERS.sub("", one) for one in given]
    plain = [one for one in given if not one.startswith("...")]
    needed = [one for one in plain if not is_optional(one)]
    kinds = [kind_of_parameter(one) for one in needed or plain[:MOST_OPTIONAL]]
    if not kinds and len(plain) < len(given):
        kinds = [MANY] * MOST_OPTIONAL
    return Signature(name, tuple(map(bare, plain)), tuple(kinds), bare=not needed)


def is_optional(parameter: str) -> bool:
    found = None if parameter[0] in "{[" else TYPED.fullmatch(parameter)
    return bool(found and (found["optional"] or found["default"]))


def bare(parameter: str) -> str:
    """Its name; empty for a pattern."""
    return "" if parameter[0] in "{[" else re.split(r"[:=?\s]", parameter, maxsplit=1)[0]


def kind_of_parameter(parameter: str) -> str:
    if parameter[0] in "{[":
        return "dict" if parameter[0] == "{" else "list[int]"
    found = TYPED.fullmatch(parameter)
    hint = "".join((found["hint"] or "").removeprefix(" readonly").split()).lower().split("|")[0] if found else ""
    if "=>" in hint:
        return "function"
    return HINTS.get(hint) or guess_kind(bare(parameter))
