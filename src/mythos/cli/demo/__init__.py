"""`mythos demo`: the whole ring on this machine, with agents that really run."""

from __future__ import annotations

from pathlib import Path

import click

from mythos.cli.output import as_json, emit_json

DEFAULT_FAULT = "cloud-us"


@click.command()
@click.option("--once", is_flag=True, help="Tell the story once, then end every process.")
@click.option(
    "--fault-env",
    metavar="NAME",
    default=DEFAULT_FAULT,
    show_default=True,
    help="The environment whose first node goes wrong.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    help="Keep everything in this folder, with every span in spans.otlp.jsonl.",
)
@click.option(
    "--port",
    default=8600,
    show_default=True,
    type=click.IntRange(1, 65_535),
    help="Port of the control plane.",
)
@as_json
def demo(once: bool, fault_env: str, keep: Path | None, port: int, as_json: bool) -> None:
    """Build, sign, carry, launch, watch, judge, recommend: one turn of the ring.

    Four nodes in three environments run three agents each; one node has no network. After a
    while the refunds agent of one node stops asking for confirmation and one of its memory
    files is changed; the pages show what that does.
    """
    import shutil
    import signal
    import tempfile

    from mythos.cli.demo.stage import Stage
    from mythos.cli.demo.story import tell

    for number in (signal.SIGINT, signal.SIGTERM):  # even where a shell made them ignored
        signal.signal(number, signal.default_int_handler)
    folder = keep or Path(tempfile.mkdtemp(prefix="mythos-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Stage(folder, port=port, fault_env=fault_env) as stage:
            result = tell(stage, once=once)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        emit_json(result)
