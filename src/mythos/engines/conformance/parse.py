"""Which step of the document each label of a word stands for.

An automaton forgets this: it merges the states of steps that have the same future. The tree still
knows, so a word that was found on the automaton is read once more through the tree, taking the
lowest step wherever there is a choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mythos.engines.conformance.space import Space, State

_MAX_VISITED = 20_000


def leaves_of(space: Space, word: Sequence[int], leaf_labels: Sequence[int]) -> tuple[int, ...]:
    """The first sequence of leaves, in lexicographic order, that spells a word.

    Args:
        space: the states of the tree.
        word: labels of a word of the workflow.
        leaf_labels: the label of each leaf.

    Returns:
        One leaf for each label. Where many equal labels run in parallel the readings can be too
        many to try; past a fixed number of states each label is given its first leaf.
    """
    leaves = _read(space, word)
    space.tidy()
    return leaves or tuple(leaf_labels.index(label) for label in word)


def _read(space: Space, word: Sequence[int]) -> tuple[int, ...] | None:
    start = space.start()
    path: list[int] = []
    open_steps = [_steps(space, start, word, 0)]
    dead: set[tuple[int, State]] = set()
    most = _MAX_VISITED + 4 * len(word)
    while open_steps and len(dead) < most:
        at = len(open_steps)
        found = next((s for s in open_steps[-1] if (at, s[1]) not in dead), None)
        if found is None:
            open_steps.pop()
            del path[-1:]
            continue
        leaf, state = found
        dead.add((at, state))
        path.append(leaf)
        if at == len(word) and state.final:
            return tuple(path)
        open_steps.append(_steps(space, state, word, at))
    return None


def _steps(space: Space, state: State, word: Sequence[int], at: int) -> Iterator[tuple[int, State]]:
    if at == len(word):
        return iter(())
    wanted = word[at]
    return ((s.leaf, s.target) for s in space.steps(state) if s.label == wanted)
