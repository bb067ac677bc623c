"""``cozeloop demo``: the whole story in one command."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from cozeloop.cli.running import RunFile
from cozeloop.demo.rule_model import RuleModel
from cozeloop.demo.tour import VERSIONS, Tour, TourFailed

EXAMPLES = """Examples:

cozeloop demo

COZELOOP_MODEL_CONFIG=model_config.yaml cozeloop demo"""

console = Console(highlight=False, soft_wrap=True)
START_SECONDS = 30


def demo(
    data_dir: Annotated[Path, typer.Option(help="A directory of the demo's own, emptied at start.")] = Path(".demo"),
    port: Annotated[int, typer.Option(help="Port to listen on, or the next free one.")] = 8888,
    stay: Annotated[bool, typer.Option(help="Stay up until Ctrl-C.")] = True,
) -> None:
    """Start a platform, run one experiment per prompt version, show the scores, stay up until Ctrl-C."""
    _empty(data_dir)
    with contextlib.ExitStack() as stack:
        environment = _environment(stack)
        port = _free_port(port)
        url = f"http://127.0.0.1:{port}"
        process = stack.enter_context(_platform(data_dir, port, environment))
        try:
            _wait(url, process)
            console.print(f"[bold]CozeLoop ES[/] at {url}, everything it keeps in {data_dir}\n")
            tour = Tour(url, lambda line: console.print(f"  {line}"))
            _walk(tour)
            _where_next(tour, url, data_dir)
        except (TourFailed, httpx.HTTPError) as error:
            console.print(f"[red]the demo failed:[/] {error}")
            raise typer.Exit(1) from None
        if stay:
            console.print("\nUp until Ctrl-C.")
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()


def _empty(data_dir: Path) -> None:
    """Empties a directory that a demo made; refuses any other."""
    marker = data_dir / "DEMO"
    if data_dir.exists() and any(data_dir.iterdir()):
        if not marker.exists():
            console.print(f"cozeloop: {data_dir} is not a demo's directory; name another with --data-dir")
            raise typer.Exit(1)
        run = RunFile.read(data_dir)
        if run is not None and _answers(run.url):
            console.print(f"cozeloop: a demo is running on {data_dir} at {run.url}; end it first")
            raise typer.Exit(1)
        shutil.rmtree(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    marker.write_text("made by cozeloop demo, emptied at its start\n")


def _environment(stack: contextlib.ExitStack) -> dict[str, str]:
    environment = dict(os.environ)
    if not environment.get("COZELOOP_MODEL_CONFIG"):
        model = stack.enter_context(RuleModel())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "model_config.yaml"
        config.write_text(model.catalogue())
        environment["COZELOOP_MODEL_CONFIG"] = str(config)
        console.print("No model is configured: a small endpoint that ships with the demo answers by rule.")
    if sys.platform != "linux" and "COZELOOP_UNSAFE_CODE" not in environment:
        environment["COZELOOP_UNSAFE_CODE"] = "1"
        console.print(
            "This system offers no isolation: the demo runs its own evaluator without (COZELOOP_UNSAFE_CODE=1)."
        )
    return environment


def _free_port(port: int) -> int:
    for candidate in range(port, port + 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", candidate)):
            return candidate
    raise typer.BadParameter(f"no free port from {port} on", param_hint="--port")


@contextlib.contextmanager
def _platform(data_dir: Path, port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "cozeloop", "up", "--data-dir", str(data_dir), "--port", str(port), "--quiet"]
    process = subprocess.Popen(command, env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/platform/health", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.poll() is not None:
            raise TourFailed("the platform did not start; what it said stands above")
        if time.monotonic() > deadline:
            raise TourFailed(f"the platform was not ready within {START_SECONDS} s")
        time.sleep(0.05)


def _walk(tour: Tour) -> None:
    tour.register()
    prompt_id = tour.prompt(tour.first_model())
    set_id, set_version = tour.dataset()
    evaluators = (tour.triage_evaluator(), tour.triage_judge())
    experiments = []
    for version in VERSIONS:
        experiment = tour.submit(f"triage-{version}", set_id, set_version, evaluators, (prompt_id, version), 4)
        experiments.append(experiment)
        with Progress(
            TextColumn(f"  ticket_triage {version}"), BarColumn(), MofNCompleteColumn(), console=console
        ) as bar:
            task = bar.add_task("items", total=None)
            for progress in tour.watch(experiment):
                bar.update(task, completed=progress.done, total=progress.total)
    _scores(tour, experiments, evaluators)


def _scores(tour: Tour, experiments: list[str], evaluators: tuple[str, str]) -> None:
    exact, judge = evaluators
    table = Table("prompt version", "exact-team", "right", "right-team", title="Average scores", title_justify="left")
    for version, scores in zip(VERSIONS, map(tour.scores, experiments), strict=True):
        by_code, judged = scores.get(exact, {}), scores.get(judge, {})
        table.add_row(version, _number(by_code, 1, ".2f"), _number(by_code, 2, ".0f"), _number(judged, 1, ".2f"))
    console.print()
    console.print(table)
    titles = (f"{version}: code, judge" for version in VERSIONS)
    shown = Table("ticket", *titles, title="Where they differ", title_justify="left")
    said = ""
    for item in tour.results(experiments)["item_results"]:
        results = item["turn_results"][0]["experiment_results"]
        answers = [_answer(r["payload"], evaluators) for r in results]
        if answers[0][1] != answers[1][1] and shown.row_count < 6:
            cells = results[0]["payload"]["eval_set"]["turn"]["field_data_list"]
            shown.add_row(cells[0]["content"]["text"][:60], *(f"{text[:40]!r} → {marks}" for text, marks, _ in answers))
            said = said or answers[0][2]
    console.print(shown)
    if said:
        console.print(f"What the judge said of the first: {said}", markup=False)


def _number(aggregates: dict[int, float], kind: int, form: str) -> str:
    """An aggregate, or a dash where no item has a score."""
    return format(aggregates[kind], form) if kind in aggregates else "-"


def _answer(payload: dict[str, Any], evaluators: tuple[str, str]) -> tuple[str, str, str]:
    """What the prompt answered, the evaluators' scores, and the judge's reason or error."""
    record = payload.get("target_output", {}).get("eval_target_record", {}).get("eval_target_output_data", {})
    text = record.get("output_fields", {}).get("actual_output", {}).get("text", "(failed)")
    records = payload["evaluator_output"]["evaluator_records"]
    outputs = [records.get(version_id, {}).get("evaluator_output_data", {}) for version_id in evaluators]
    results = [o.get("evaluator_result", {}) for o in outputs]
    marks = ", ".join(f"{r['score']:g}" if "score" in r else "-" for r in results)
    return text, marks, results[1].get("reasoning") or outputs[1].get("evaluator_run_error", {}).get("message", "")


def own_name() -> str:
    """What a person types here to call this program: its name where that is found, else where it lies."""
    return "cozeloop" if shutil.which("cozeloop") else os.path.relpath(Path(sys.executable).with_name("cozeloop"))


def _where_next(tour: Tour, url: str, data_dir: Path) -> None:
    console.print("\n[bold]Where to look further[/]")
    console.print(f"  {url}/docs   {url}/metrics")
    body = f'{{"workspace_id":"{tour.space}","queries":[{{"prompt_key":"ticket_triage"}}]}}'
    console.print(
        f"  curl -s {url}/v1/loop/prompts/mget -H 'Authorization: Bearer {tour.token}' "
        f"-H 'Content-Type: application/json' -d '{body}'",
        markup=False,
    )
    for told in ("events list --capability prompts", "verify", "replay --all"):
        console.print(f"  {own_name()} {told} --data-dir {data_dir}", markup=False)
    console.print("\n[bold]The last ten events[/]")
    command = [sys.executable, "-m", "cozeloop", "events", "list", "--data-dir", str(data_dir), "--limit", "100000"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines()[-10:]:
        console.print(f"  {line}", markup=False)
