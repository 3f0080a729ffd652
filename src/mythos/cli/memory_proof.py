"""`mythos memory checkpoint`, `prove` and `verify`: what a log says, in files that prove it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.memory_keys import keys_of
from mythos.cli.memory_place import FILE, NEW_FILE, opened, place_options
from mythos.cli.output import as_json, chosen
from mythos.errors import MemoryLogError, MythosError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mythos.engines.memory.memory_proof import Proved


@click.command(short_help="Sign what a log is now.")
@place_options
@click.option("--key", type=NEW_FILE, required=True, help="Ed25519 key, PEM, mode 0600. Required.")
@click.option("--new-key", is_flag=True, help="Make the key if the file is not there.")
@click.option("--out", type=NEW_FILE, help="Also write the signed note there.")
@as_json
def checkpoint(
    store: str, log: str | None, key: Path, new_key: bool, out: Path | None, as_json: bool
) -> None:
    """Sign what a log is now: its name, size and root, as a C2SP signed note.

    Keep the note where whoever can write the log cannot: it is what shows later that the log was
    rewritten. A log that no longer extends its last signed checkpoint is not signed.
    """
    from mythos.adapters.atomic_file import write_atomically
    from mythos.adapters.key_file import create_key, load_key
    from mythos.adapters.memory_checkpoint import checkpoint_read
    from mythos.engines.memory.checkpoint import parse_checkpoint
    from mythos.engines.memory.note import NoteVerifier, parse_note

    place = opened(store, log)
    if not key.exists() and not new_key:
        raise NotFoundError(
            f"there is no key at {key}",
            remedy="make one with --new-key, or name the key that signed this log before",
        )
    pair = create_key(key) if new_key and not key.exists() else load_key(key)
    note, not_kept = checkpoint_read(place.log, pair.raw)
    if out is not None:
        write_atomically(out, note.encode())
    said = parse_checkpoint(parse_note(note).text)
    vkey = NoteVerifier(said.origin, pair.public.raw).vkey
    signed = {**said.model_dump(), "note": note, "vkey": vkey, "kept": not not_kept}

    def tell() -> None:
        click.echo(note, nl=False)
        click.echo(f"\nverifier key  {vkey}")
        if not_kept:
            click.echo(f"not kept in the log: {not_kept}")

    chosen(as_json, signed, tell)


@click.command(short_help="Write a proof of one memory, to check offline.")
@place_options
@click.argument("key")
@click.option("--seq", type=click.IntRange(min=0), help="Which entry; else the newest of the key.")
@click.option("--out", type=NEW_FILE, required=True, help="The proof, KEY.tlog-proof. Required.")
@click.option("--disclose", is_flag=True, help="With key and salt: then contents can be checked.")
@as_json
def prove(
    store: str,
    log: str | None,
    key: str,
    seq: int | None,
    out: Path,
    disclose: bool,
    as_json: bool,
) -> None:
    """Write the proof that an entry is in the log, under its newest signed checkpoint."""
    from mythos.adapters.atomic_file import write_atomically
    from mythos.adapters.memory_prover import prove_memory

    place = opened(store, log)
    made = prove_memory(place.store, place.log, key, seq=seq, disclose=disclose)
    write_atomically(out, made.text.encode())
    shown = {
        "seq": made.seq,
        "key": key,
        "origin": made.checkpoint.origin,
        "size": made.checkpoint.size,
        "root": made.checkpoint.root,
        "proof": str(out),
    }
    chosen(
        as_json,
        shown,
        lambda: click.echo(f"{out}: entry {made.seq} of {made.checkpoint.size} is in the log"),
    )


@click.command(short_help="Check a proof offline.")
@click.argument("proof", type=FILE)
@click.option(
    "--vkey",
    multiple=True,
    help="Verifier key of the log, or of a witness, which must have cosigned then; text or file. "
    "Repeatable. Required.",
)
@click.option("--origin", help="The log that is meant, such as mythos/NODE/AGENT.")
@click.option("--content", type=FILE, help="What the memory is said to have held.")
@as_json
@click.pass_context
def verify(
    ctx: click.Context,
    proof: Path,
    vkey: tuple[str, ...],
    origin: str | None,
    content: Path | None,
    as_json: bool,
) -> None:
    """Check a proof with the verifier key of the log, of a witness or of both; exits 1 if it fails.

    With --content also: is this what was logged? That takes a proof made with --disclose.
    """
    from mythos.engines.memory.memory_proof import verify_entry

    if not vkey:
        raise UsageError(
            "no verifier key",
            remedy="give --vkey, as `mythos memory checkpoint` or the log's page shows it",
        )
    verifiers, witnesses = keys_of(vkey)
    text = proof.read_text("utf-8", errors="replace")
    try:
        proved = verify_entry(text, *verifiers, witnesses=witnesses)
        _require_meant(proved, origin, content)
    except MemoryLogError as error:
        shown: dict[str, Any] = {"ok": False, "why": error.message}
        chosen(as_json, shown, partial(_tell_broken, error))
        ctx.exit(1)
    disclosed = proved.disclosure
    shown = {
        "ok": True,
        **proved.checkpoint.model_dump(),
        "key": disclosed.key or None,
        "entry": disclosed.entry.model_dump(),
        "content": None if content is None else "same",
        "cosigned_at": None if proved.cosigned_at is None else proved.cosigned_at.isoformat(),
    }
    chosen(as_json, shown, lambda: _tell_proved(proved, content))


def _require_meant(proved: Proved, origin: str | None, content: Path | None) -> None:
    remedy = "ask for a proof of the memory that is meant"
    if origin is not None and proved.checkpoint.origin != origin:
        raise MemoryLogError(f"it is of the log {proved.checkpoint.origin!r}", remedy=remedy)
    if proved.names_key() is False:
        raise MemoryLogError("the key it names is not the entry's", remedy=remedy)
    if content is None:
        return
    holds = _holds(proved, content.read_bytes())
    if holds is None:
        raise NotFoundError(
            "the proof discloses no salt, so no content can be checked",
            remedy="ask for one made with --disclose",
        )
    if not holds:
        raise MemoryLogError("the content is not what was logged", remedy=remedy)


def _holds(proved: Proved, content: bytes) -> bool | None:
    """Whether a content, or the record that it spells, is what was logged; None if untold."""
    from mythos.adapters.memory_store_record import canonical_record, record_of

    if proved.holds(content) or proved.disclosure.entry.store == "directory":
        return proved.holds(content)
    try:
        return proved.holds(canonical_record("", record_of("", content)))
    except MemoryLogError:
        return proved.holds(content)


def _tell_broken(error: MythosError) -> None:
    from mythos.cli.source_lines import plain

    click.echo(f"NOT proved: {plain(error.message)}")
    click.echo(f"  → {plain(error.remedy)}")


def _tell_proved(proved: Proved, content: Path | None) -> None:
    from mythos.cli.memory_trace import when
    from mythos.cli.source_lines import plain

    entry, said = proved.disclosure.entry, proved.checkpoint
    same = " The content is what was logged." if content is not None else ""
    click.echo(f"proved: entry {entry.seq} of {said.size} in {plain(said.origin)}.{same}")
    click.echo(f"  {when(entry)}  {entry.op} on behalf of {entry.source}")
    if proved.disclosure.key:
        click.echo(f"  key       {plain(proved.disclosure.key)}")
    if entry.trace_id:
        click.echo(f"  trace     {entry.trace_id}")
    if entry.policy_ref:
        click.echo(f"  decision  {plain(entry.policy_ref)}")
    if proved.cosigned_at:
        click.echo(f"  cosigned  {proved.cosigned_at:%Y-%m-%d %H:%M:%S}Z")
