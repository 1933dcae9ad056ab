"""The tables at the end of the book, made from the chapters' headers and from what builds found:
statements about the field with the place that shows them, and papers with what came of their tests.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plastlab.book.pages import Front, Page, find_pages, front, title
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


@dataclass(frozen=True)
class Told:
    """What one page of the book says in its header, and what its last build found: read once."""

    name: str
    link: str
    header: Front
    verdicts: dict[str, str]

    @classmethod
    def read(cls, page: Page) -> "Told":
        """Read the source and the notebook."""
        name = page.source.name
        link = f"[{name[:2]} {title(page)}]({page.notebook.name})"
        verdicts = {claim["id"]: claim["verdict"] for claim in page.record().claims}
        return cls(name, link, front(page), verdicts)

    def judged(self, where: str) -> str:
        """The text with its verdict after each claim's id."""

        def one(match: re.Match) -> str:
            if match[0] not in self.verdicts:
                raise ValueError(
                    f"{self.name}: its notebook has no claim {match[0]}. Build it with "
                    "`make book`, or name another."
                )
            verdict = self.verdicts[match[0]]
            return match[0] if verdict == "supported" else f"{match[0]} ({verdict})"

        return CLAIM.sub(one, str(where))


def tables(root: Path) -> dict[Path, str]:
    """The pages of the back matter under `root`, and what must stand in them.

    Raises:
        ValueError: a header names a claim, paper, verdict or field that there is not.
    """
    pages = [Told.read(page) for page in find_pages(root)]
    folder = root / "chapters"
    references = read_references(folder / "references.bib")
    return {
        folder / "statements.md": statements(pages),
        folder / "replications.md": replications(pages, references),
    }


def statements(pages: list[Told]) -> str:
    """The page that says which statement about the field is shown where."""
    parts = []
    for page in pages:
        given = [_made(Statement, fields, page) for fields in page.header.statements]
        lines = [f"| {_cell(s.says)} | {_cell(page.judged(s.shown))} |" for s in given]
        if lines:
            table = "\n".join(["| statement | where it is shown |", "| :-- | :-- |", *lines])
            parts.append(f"## {page.link}\n\n{table}\n")
    return STATEMENTS + "\n" + "\n".join(parts)


def replications(pages: list[Told], references: dict[str, Reference]) -> str:
    """The page with one card for each paper whose finding a chapter tests."""
    cards = []
    for page in pages:
        for fields in page.header.replications:
            one = _made(Replication, fields, page)
            if one.paper not in references:
                raise ValueError(
                    f"{page.name}: no paper {one.paper!r} in references.bib. Add its entry."
                )
            if one.seen not in SEEN:
                raise ValueError(
                    f"{page.name}: seen must be one of {', '.join(SEEN)}; got {one.seen!r}."
                )
            cards.append((references[one.paper], one, page))
    cards.sort(key=lambda card: (card[0].short, card[2].name))
    counts = Counter(one.seen for _, one, _ in cards)
    tally = ", ".join(f"{counts[seen]} {seen}" for seen in SEEN)
    texts = [_card(*card) for card in cards]
    return REPLICATIONS.format(tally=tally) + "\n" + "\n".join(texts)


def _card(paper: Reference, one: Replication, page: Told) -> str:
    cited = f"[{paper.short}]({paper.link})" if paper.link else paper.short
    where = f"claims {page.judged(one.claims)} of {page.link}"
    return CARD.format(cited=cited, paper=paper, one=one, where=where)


def _made(kind: Callable, fields: dict[str, str], page: Told) -> Statement | Replication:
    try:
        return kind(**fields)
    except TypeError as error:
        raise ValueError(
            f"{page.name}: a {kind.__name__.lower()} must have the fields "
            f"{', '.join(kind.__annotations__)}; got {', '.join(fields)}."
        ) from error


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
- **Seen:** {one.seen}; {where}.
- **Why that may be:** {one.why}
"""
