"""The commands of many runs: sweep, ablate, study, deploy."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from thriftune.cli.app import Json, Overrides, RecipeFile, app

Out = Annotated[Path | None, typer.Option("--out", help="Folder of the study. Default: runs/NAME-study.")]
RecordsFile = Annotated[
    Path | None, typer.Option("--records", help="File of trials. Default: study.records, or trials.jsonl in --out.")
]
Merge = Annotated[list[Path] | None, typer.Option("--merge", help="Add the trials of another machine's file.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Trials at a time on this machine.")]
Ray = Annotated[str | None, typer.Option("--ray", help="Run trials on a Ray cluster: auto, local, or an address.")]
Again = Annotated[bool, typer.Option("--again", help="Do trials again that failed.")]
Tables = Annotated[bool, typer.Option("--tables", help="Only write the tables of what is recorded.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list the trials, and which are done.")]
Kind = Literal["sweep", "ablation", "study"]


@app.command()
def sweep(
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = None,
    records: RecordsFile = None,
    merge: Merge = None,
    jobs: Jobs = 1,
    ray: Ray = None,
    again: Again = False,
    tables: Tables = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Search the recipe's space: every trial once, whenever it is started again.

    Example: thriftune sweep recipes/films-study.yaml --jobs 2
    """
    _go("sweep", recipe, overrides, out, records, merge, jobs, ray, again, tables, dry_run, as_json)


@app.command()
def ablate(
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = None,
    records: RecordsFile = None,
    merge: Merge = None,
    jobs: Jobs = 1,
    ray: Ray = None,
    again: Again = False,
    tables: Tables = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Compare DSS with label-only training, all else equal: at equal steps and at equal compute, with several seeds.

    Example: thriftune ablate recipes/films-study.yaml
    """
    _go("ablation", recipe, overrides, out, records, merge, jobs, ray, again, tables, dry_run, as_json)


@app.command()
def study(
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = None,
    records: RecordsFile = None,
    merge: Merge = None,
    jobs: Jobs = 1,
    ray: Ray = None,
    again: Again = False,
    tables: Tables = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    check: Annotated[bool, typer.Option("--check", help="Run one random recorded trial again and compare.")] = False,
) -> None:
    """Sweep, ablation and baselines; the paper's tables again and its four findings judged.

    Example: thriftune study recipes/films-study.yaml
    """
    if check:
        _check(recipe, overrides, out, records, jobs, ray, as_json)
    else:
        _go("study", recipe, overrides, out, records, merge, jobs, ray, again, tables, dry_run, as_json)


@app.command()
def deploy(
    recipe: RecipeFile,
    to: Annotated[Literal["rayjob", "slurm"], typer.Option("--to", help="KubeRay's RayJob, or a Slurm script.")],
    overrides: Overrides = None,
    image: Annotated[str, typer.Option("--image", help="Container image that has thriftune in it (rayjob).")] = "",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Machines that run trials.")] = 2,
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs for each machine.")] = 0,
    storage: Annotated[str, typer.Option("--storage", help="Folder that all machines share.")] = "/shared",
    claim: Annotated[str, typer.Option("--claim", help="PersistentVolumeClaim behind it (rayjob).")] = "thriftune",
) -> None:
    """Print the manifest that runs a recipe's study on a cluster.

    Example: thriftune deploy recipes/films-study.yaml --to slurm > study.sbatch
    """
    from thriftune.recipe import load
    from thriftune.sweep.deploy import Place, rayjob, slurm

    loaded = load(recipe, overrides)
    place = Place(loaded.name, str(recipe), tuple(overrides or ()), image, workers, gpus, storage, claim)
    print(rayjob(place) if to == "rayjob" else slurm(place), end="")


def _folder(loaded: Any, out: Path | None, records: Path | None) -> Any:
    from thriftune.sweep.folder import Folder

    named = Path(loaded.study.records) if loaded.study.records else None
    return Folder(out or Path("runs") / f"{loaded.name}-study", records or named)


def _executor(loaded: Any, jobs: int, ray: str | None) -> Any:
    from thriftune.sweep.executor import Local

    if ray is None:
        return Local(jobs)
    from thriftune.sweep.cluster import Cluster

    return Cluster(ray, loaded.study.resources)


def _go(
    kind: Kind,
    recipe: Path,
    overrides: list[str] | None,
    out: Path | None,
    records: Path | None,
    merge: list[Path] | None,
    jobs: int,
    ray: str | None,
    again: bool,
    tables: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    from thriftune.recipe import load
    from thriftune.sweep.conduct import conduct, tabulate

    loaded = load(recipe, overrides)
    folder = _folder(loaded, out, records)
    for other in merge or ():
        with folder.alone():
            folder.merge(other)
    if dry_run:
        _list(kind, loaded, folder, as_json)
        return
    outcome = (
        tabulate(kind, loaded, folder) if tables else conduct(kind, loaded, folder, _executor(loaded, jobs, ray), again)
    )
    _told(outcome, folder, as_json)
    if not tables and (outcome.failed or outcome.left):
        raise typer.Exit(1)


def _told(outcome: Any, folder: Any, as_json: bool) -> None:
    if as_json:
        paths = [str(path) for path in outcome.reports]
        found = {"trials": outcome.text, "findings": outcome.findings, "failed": outcome.failed, "left": outcome.left}
        print(json.dumps({**found, "records": str(folder.file), "reports": paths}, indent=2))
        return
    print(outcome.reports[1].read_text(encoding="utf-8"))
    for key in outcome.failed:
        print(f"failed    {key[:8]} {folder.records[key]['status']}: {folder.records[key].get('reason', '')}")
    if outcome.left:
        print(f"left      {len(outcome.left)} trials")
    print(f"records   {folder.file}\nreport    {outcome.reports[0]}")


def _list(kind: Kind, loaded: Any, folder: Any, as_json: bool) -> None:
    from thriftune.sweep.conduct import plan_of
    from thriftune.sweep.tables import point

    rows = [
        {"id": each.trial.id, "for": each.group, "seed": each.trial.seed, "point": point(each.row),
         "status": folder.records.get(each.trial.id, {}).get("status", "to do")}
        for each in plan_of(kind, loaded, folder, 0)(folder.records)
    ]  # fmt: skip
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['id'][:8]}  {row['status']:<13} {row['for']:<9} seed {row['seed']:<3} {row['point']}")
    ids, open_ = ({row["id"] for row in some} for some in (rows, [row for row in rows if row["status"] == "to do"]))
    print(f"{len(ids)} trials, {len(open_)} to do")


def _check(
    recipe: Path,
    overrides: list[str] | None,
    out: Path | None,
    records: Path | None,
    jobs: int,
    ray: str | None,
    as_json: bool,
) -> None:
    from thriftune.recipe import load
    from thriftune.sweep.check import check

    loaded = load(recipe, overrides)
    found = check("study", loaded, _folder(loaded, out, records), _executor(loaded, jobs, ray))
    text = f"trial {found.id}: label loss {found.loss[0]:.5f} recorded, {found.loss[1]:.5f} again; "
    text += f"{found.agreement:.1%} of the verdicts agree; {'the same' if found.same_machine else 'another'} machine"
    print(
        json.dumps({**vars(found), "holds": found.holds})
        if as_json
        else f"{'holds' if found.holds else 'FAILS'}: {text}"
    )
    if not found.holds:
        raise typer.Exit(1)
