"""The tables at the end of the book, made from the chapters' headers and from what builds found:
statements about the field with the place that shows them, and papers with what came of their tests.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plastlab.pages import Page, find_pages, front, title
from plastlab.references import Reference, read_references

SEEN = ("agree", "partly", "not seen")
CLAIM = re.compile(r"\b\d\d\.\d+\b")


@dataclass(frozen=True)
class Statement:
    """Something that is said of the field, and where the book shows it: the ids of claims, or the
    name of a section."""

    says: str
    shown: str


@dataclass(frozen=True)
class Replication:
    """A paper's finding, tested in a chapter. `paper` is a key of the book's references, `seen` one
    of "agree", "partly", "not seen"; `why` says why that may be."""

    paper: str
    finding: str
    setting: str
    ours: str
    seen: str
    why: str
    claims: str


def tables(root: Path) -> dict[Path, str]:
    """The pages of the back matter under `root`, and what must stand in them.

    Raises:
        ValueError: a header names a claim, paper, verdict or field that there is not.
    """
    pages = find_pages(root)
    folder = root / "chapters"
    references = read_references(folder / "references.bib")
    return {
        folder / "statements.md": statements(pages),
        folder / "replications.md": replications(pages, references),
    }


def statements(pages: list[Page]) -> str:
    """The page that says which statement about the field is shown where."""
    parts = []
    for page in pages:
        given = [_made(Statement, fields, page) for fields in front(page).statements]
        lines = [f"| {_cell(s.says)} | {_cell(_judged(s.shown, page))} |" for s in given]
        if lines:
            table = "\n".join(["| statement | where it is shown |", "| :-- | :-- |", *lines])
            parts.append(f"## {_link(page)}\n\n{table}\n")
    return STATEMENTS + "\n" + "\n".join(parts)


def replications(pages: list[Page], references: dict[str, Reference]) -> str:
    """The page with one card for each paper whose finding a chapter tests."""
    cards = []
    for page in pages:
        for fields in front(page).replications:
            one = _made(Replication, fields, page)
            if one.paper not in references:
                raise ValueError(
                    f"{page.source.name}: no paper {one.paper!r} in references.bib. Add its entry."
                )
            if one.seen not in SEEN:
                raise ValueError(
                    f"{page.source.name}: seen must be one of {', '.join(SEEN)}; got {one.seen!r}."
                )
            cards.append((references[one.paper], one, page))
    cards.sort(key=lambda card: (card[0].short, card[2].source.name))
    counts = Counter(one.seen for _, one, _ in cards)
    tally = ", ".join(f"{counts[seen]} {seen}" for seen in SEEN)
    texts = [_card(*card) for card in cards]
    return REPLICATIONS.format(tally=tally) + "\n" + "\n".join(texts)


def _card(paper: Reference, one: Replication, page: Page) -> str:
    cited = f"[{paper.short}]({paper.link})" if paper.link else paper.short
    return CARD.format(cited=cited, paper=paper, one=one, where=_judged(one.claims, page)).replace(
        "CHAPTER", _link(page)
    )


def _made(kind: Callable, fields: dict[str, str], page: Page) -> Statement | Replication:
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(
            f"{page.source.name}: a {kind.__name__.lower()} must have the fields "
            f"{', '.join(kind.__annotations__)}; got {', '.join(fields)}."
        ) from error


def _judged(where: str, page: Page) -> str:
    """The text with its verdict after each claim's id."""
    verdicts = {claim["id"]: claim["verdict"] for claim in page.record().claims}

    def judged(match: re.Match) -> str:
        if match[0] not in verdicts:
            raise ValueError(
                f"{page.source.name}: its notebook has no claim {match[0]}. Build it with "
                "`make book`, or name another."
            )
        verdict = verdicts[match[0]]
        return match[0] if verdict == "supported" else f"{match[0]} ({verdict})"

    return CLAIM.sub(judged, str(where))


def _link(page: Page) -> str:
    return f"[{page.source.name[:2]} {title(page)}]({page.notebook.name})"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


STATEMENTS = """# What is said, and where it is shown

Written by `python -m plastlab book` from the headers of the chapters. Each line is something that
people in the field say about plasticity and trainability, in our words, with the claims that test
it here, at this small scale. A claim without a note is supported; "text" means it is only told.
"""

REPLICATIONS = """# Replication cards

Written by `python -m plastlab book` from the headers of the chapters. One card for each paper whose
finding a chapter tests: what it found and where, what we did instead, and what came of it. Our
networks are far smaller than the papers', so "not seen" is a statement about this scale and not
about the paper. Of these cards: {tally}.
"""

CARD = """## {cited}: {one.seen}

*{paper.title}*

- **Finding:** {one.finding}
- **Its setting:** {one.setting}
- **Ours:** {one.ours}
- **Seen:** {one.seen}; claims {where} of CHAPTER.
- **Why that may be:** {one.why}
"""
