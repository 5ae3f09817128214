"""The trainer: what it reaches, that it resumes to the byte, and what it refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from training_helpers import SMALL, changed, linear, recordings

torch = pytest.importorskip("torch")

from amc_otio.config import TrainSettings  # noqa: E402
from amc_otio.errors import OutputError, RepresentationError, UsageError  # noqa: E402
from amc_otio.representations import register, registry  # noqa: E402
from amc_otio.representations.projection import Projection  # noqa: E402
from amc_otio.training import checkpoint as checkpoints  # noqa: E402
from amc_otio.training.batches import Batch, SplitBatches  # noqa: E402
from amc_otio.training.initial import on_top, start  # noqa: E402
from amc_otio.training.loss import contrast, split_and_contrast  # noqa: E402
from amc_otio.training.result import loss_curve  # noqa: E402
from amc_otio.training.trainer import Progress, Stopped, Trained, project, train  # noqa: E402

SIZE = 12


def source(count: int = 40, seed: int = 0, **changes: bool) -> SplitBatches:
    features = recordings(count, SMALL.frames, SIZE, seed)
    return SplitBatches(features, np.arange(count) * SMALL.frames, SMALL.frames, SMALL.batch, SMALL.seed, **changes)


def tensors_of(trained: Trained) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in trained.projection.tensors().items()}


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_training_projects_as_the_representation_will(kind: str, homogeneous: bool, residual: bool) -> None:
    generator = np.random.default_rng(1)
    into = SIZE - homogeneous
    shapes = [(into, into)] if kind == "linear" else [(9, into), (into, 9)]
    layers = tuple(
        (generator.standard_normal(shape).astype(np.float32), generator.standard_normal(shape[0]).astype(np.float32))
        for shape in shapes
    )
    projection = Projection(layers, kind, residual, homogeneous)
    features = np.abs(recordings(1, 20, SIZE))
    weights = [torch.tensor(array) for array in projection.tensors().values()]
    found = project(projection, weights, torch.tensor(features)).numpy()
    np.testing.assert_allclose(found, projection.apply(features), atol=2e-6)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_training_begins_as_the_encoder_itself(kind: str) -> None:
    features = recordings(5, 4, SIZE)
    np.testing.assert_allclose(on_top(kind, SIZE, seed=3).apply(features), features, atol=1e-6)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_the_loss_falls_on_what_was_held_back_too(kind: str) -> None:
    # Sixteen features of noise beside twelve that tell the recording: noise is what a projection can take away.
    def noisy(count: int, seed: int) -> np.ndarray:
        noise = 0.5 * np.random.default_rng(seed + 50).standard_normal((count * SMALL.frames, 16))
        both = np.concatenate([recordings(count, SMALL.frames, SIZE, seed), noise], axis=1)
        return (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)

    def batches(count: int, seed: int, fixed: bool) -> SplitBatches:
        return SplitBatches(
            noisy(count, seed), np.arange(count) * SMALL.frames, SMALL.frames, 64, SMALL.seed, fixed=fixed
        )

    held_back = batches(60, 1, True)
    settings = changed(SMALL, epochs=15, lr=3e-3)
    trained = train(batches(200, 0, False), on_top(kind, SIZE + 16), settings, validation=held_back)
    assert trained.losses[-1] < trained.losses[0] - 0.2
    assert trained.validation[-1] < trained.validation[0] - 0.2
    assert (len(trained.losses), len(trained.validation), trained.epoch) == (15, 16, 15)


def test_losses_are_those_of_equation_1() -> None:
    batches, projection = source(fixed=True), on_top("linear", SIZE)
    trained = train(batches, projection, changed(SMALL, epochs=1, lr=1e-9))
    samples = recordings(40, SMALL.frames, SIZE)
    expected = []
    for step in range(batches.steps):
        rows = batches.batch(0, step)
        both = [torch.tensor(side).view(len(rows.left), -1, SIZE) for side in (rows.alpha, rows.beta)]
        expected.append(float(split_and_contrast(torch.cat(both, dim=1), 2, SMALL.temperature)))
    np.testing.assert_allclose(trained.step_losses, expected, atol=1e-4)
    assert len(samples) == 160


def test_a_run_is_repeatable_and_another_seed_is_another_run() -> None:
    one, same = (train(source(), on_top("mlp", SIZE), SMALL) for _ in range(2))
    assert tensors_of(one) == tensors_of(same)
    features, starts = recordings(40, 4, SIZE), np.arange(40) * 4
    other = train(SplitBatches(features, starts, 4, SMALL.batch, 8), on_top("mlp", SIZE), SMALL)
    assert tensors_of(one) != tensors_of(other)


@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("stops", [[1], [2, 3], [3], [6], [1, 1, 1, 1]])
def test_stopped_and_resumed_is_as_if_undisturbed(stops: list[int], patience: int, tmp_path: Path) -> None:
    settings = changed(SMALL, patience=patience, epochs=4)

    def run(checkpoint: Path | None, after: int | None) -> Trained:
        seen: list[Progress] = []
        return train(
            source(),
            on_top("mlp", SIZE),
            settings,
            validation=source(10, 1, fixed=True),
            checkpoint=checkpoint,
            progress=seen.append,
            stop=None if after is None else lambda: len(seen) > after - 1,
        )

    undisturbed = run(None, None)
    path = tmp_path / "c"
    done = 0
    for after in stops:
        with pytest.raises(Stopped) as stopped:
            run(path, after)
        done += after
        assert (stopped.value.done, stopped.value.checkpoint) == (done, path)
    resumed = run(path, None)
    assert resumed.resumed_at == done
    assert tensors_of(resumed) == tensors_of(undisturbed)
    np.testing.assert_array_equal(resumed.step_losses, undisturbed.step_losses)
    np.testing.assert_array_equal(resumed.validation, undisturbed.validation)
    assert resumed.epoch == undisturbed.epoch


def test_a_training_that_was_done_is_not_done_again(tmp_path: Path) -> None:
    first = train(source(), on_top("mlp", SIZE), SMALL, checkpoint=tmp_path / "c")
    again = train(source(), on_top("mlp", SIZE), SMALL, checkpoint=tmp_path / "c")
    assert again.resumed_at == len(first.step_losses)
    assert tensors_of(first) == tensors_of(again)


def test_checkpoints_are_written_as_often_as_asked(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(progress: Progress) -> None:
        if (tmp_path / "c").exists():
            seen.append(checkpoints.read(tmp_path / "c", 1 << 20).about["checkpoint"]["done"])

    train(source(), on_top("mlp", SIZE), SMALL, checkpoint=tmp_path / "c", progress=look)
    assert source().steps == 3
    assert seen == [2, 3, 4, 4, 6, 6, 8, 9]


@pytest.mark.parametrize(
    ("settings", "data", "projection", "says"),
    [
        (changed(SMALL, lr=2e-2), 0, None, "lr was 0.01, now 0.02"),
        (changed(SMALL, epochs=4, temperature=0.2), 0, None, "temperature was 0.1, now 0.2"),
        (SMALL, 1, None, "data was"),
        (SMALL, 0, on_top("mlp", SIZE, seed=1), "initial weights was"),
        (SMALL, 0, on_top("linear", SIZE), "initial weights was"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_and_kept(
    settings: TrainSettings, data: int, projection: Projection | None, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "c"
    with pytest.raises(Stopped):
        train(source(), on_top("mlp", SIZE), SMALL, checkpoint=path, stop=lambda: True)
    before = path.read_bytes()
    with pytest.raises(OutputError, match=says) as caught:
        train(source(seed=data), projection or on_top("mlp", SIZE), settings, checkpoint=path)
    assert "--restart" in str(caught.value)
    assert path.read_bytes() == before


def test_how_often_it_saves_and_where_it_runs_may_change(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train(source(), on_top("mlp", SIZE), SMALL, checkpoint=tmp_path / "c", stop=lambda: True)
    settings = changed(SMALL, checkpoint_every=1, memory_gb=1.0, device="auto")
    assert train(source(), on_top("mlp", SIZE), settings, checkpoint=tmp_path / "c").resumed_at == 1


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "another kind", "not a number", "a folder"])
def test_a_damaged_checkpoint_is_refused(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "c"
    with pytest.raises(Stopped):
        train(source(), on_top("mlp", SIZE), SMALL, checkpoint=path, stop=lambda: True)
    whole = path.read_bytes()
    weights = checkpoints.read(path, 1 << 20).tensors["projection.0.weight"].tobytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "empty": b"",
                "cut": whole[:-7],
                "text": b"no checkpoint at all, just text",
                "another kind": whole.replace(b"amc-otio training checkpoint", b"amc-otio training chequepoin"),
                "not a number": whole.replace(weights, np.full(len(weights) // 4, np.nan, np.float32).tobytes()),
            }[damage]
        )
    with pytest.raises(OutputError, match=r"checkpoint.*--restart"):
        train(source(), on_top("mlp", SIZE), SMALL, checkpoint=path)


def test_early_stopping_keeps_the_best_weights() -> None:
    # So large a step that the loss soon grows again.
    settings = changed(SMALL, epochs=40, lr=0.3, patience=3)
    trained = train(source(), on_top("mlp", SIZE), settings, validation=source(10, 1, fixed=True))
    assert trained.stopped_early
    assert trained.epoch == int(trained.validation.argmin()) == len(trained.losses) - 3
    best = float(contrast_of(trained.projection, source(10, 1, fixed=True)))
    assert best == pytest.approx(float(trained.validation.min()), abs=1e-4)


def contrast_of(projection: Projection, batches: SplitBatches) -> float:
    batch = batches.batch(0, 0)
    sides = [torch.tensor(projection.apply(side)) for side in (batch.alpha, batch.beta)]
    pairs = [torch.tensor(side) for side in (batch.left, batch.right)]
    return float(contrast(*sides, *pairs, SMALL.temperature))


def test_a_loss_that_is_no_number_ends_the_run_in_words(tmp_path: Path) -> None:
    class Broken(SplitBatches):
        def batch(self, epoch: int, step: int) -> Batch:
            made = super().batch(epoch, step)
            return dataclasses.replace(made, alpha=made.alpha * np.float32(np.nan)) if step == 2 else made

    features = recordings(40, 4, SIZE)
    with pytest.raises(UsageError, match=r"--lr 0.01: the loss is no number any more at step 2"):
        train(Broken(features, np.arange(40) * 4, 4, 16, 7), on_top("mlp", SIZE), SMALL)


def test_cuda_that_is_not_there_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(UsageError, match="--device cuda"):
        train(source(), on_top("mlp", SIZE), changed(SMALL, device="cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_it_comes_to_the_same() -> None:
    here, there = (train(source(), on_top("mlp", SIZE), changed(SMALL, device=name)) for name in ("cpu", "cuda"))
    np.testing.assert_allclose(there.step_losses, here.step_losses, atol=1e-3)


# ---------------------------------------------------------------- other batches, other losses


class Kinds:
    """A contrast of kinds: both sides from different versions of sounds, all pairs of one kind are positives."""

    fingerprint = "kinds 1"
    steps = 2

    def batch(self, epoch: int, step: int) -> Batch:
        kinds = np.repeat(np.arange(4), 3)
        generator = np.random.default_rng(step)
        places = np.random.default_rng(9).standard_normal((4, SIZE))
        sides = [places[kinds] + generator.standard_normal((12, SIZE)) for _ in range(2)]
        alpha, beta = ((side / np.linalg.norm(side, axis=1, keepdims=True)).astype(np.float32) for side in sides)
        left, right = np.nonzero(kinds[:, None] == kinds[None])
        return Batch(alpha, beta, left.astype(np.int64), right.astype(np.int64))


def apart(alpha: torch.Tensor, beta: torch.Tensor, left: torch.Tensor, right: torch.Tensor, t: float) -> torch.Tensor:
    """Each pair in its own logarithm, its denominator over its row: InfoNCE."""
    logits = alpha @ beta.t() / t
    return (torch.logsumexp(logits, dim=1)[left] - logits[left, right]).mean()


@pytest.mark.parametrize("loss", [contrast, apart])
def test_any_source_of_batches_and_any_loss_will_do(loss: object, tmp_path: Path) -> None:
    settings = changed(SMALL, epochs=10)
    trained = train(Kinds(), on_top("mlp", SIZE), settings, loss=loss, checkpoint=tmp_path / "c")  # type: ignore[arg-type]
    assert trained.losses[-1] < 0.8 * trained.losses[0]
    with pytest.raises(OutputError, match="loss was"):
        train(Kinds(), on_top("mlp", SIZE), settings, loss=lambda *_: contrast(*_), checkpoint=tmp_path / "c")


# ---------------------------------------------------------------- what it begins from


class Towered:
    """An encoder with a projection of its own, as CLAP has."""

    name, version, dimension, sample_rate, weights_hash = "towered", "1", 5, 48_000, ""
    projection_features = "towered-features"
    w1, b1 = linear(8, 6).layers[0]
    w2, b2 = linear(6, 5, 1).layers[0]
    initial_projection = ((w1, b1), (w2, b2))

    def __init__(self, features: bool = False) -> None:
        if features:
            self.name, self.dimension = "towered-features", 9

    def embed(self, windows: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@pytest.fixture
def towered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    register("towered", lambda threads, weights: Towered())
    register("towered-features", lambda threads, weights: Towered(True))


def test_an_encoder_s_own_projection_is_what_is_trained(towered: None) -> None:
    begin = start(changed(SMALL, encoder="towered"))
    assert (begin.encoder, begin.features.name) == ("towered", "towered-features")
    projection = begin.projection
    assert (projection.kind, projection.homogeneous, projection.residual) == ("mlp", True, False)
    assert (projection.features, projection.dimension) == (9, 5)
    np.testing.assert_array_equal(projection.layers[1][0], Towered.w2)


def test_a_projection_may_go_on_top_instead(towered: None) -> None:
    begin = start(changed(SMALL, encoder="towered", projection="linear"))
    assert (begin.features.name, begin.projection.kind, begin.projection.features) == ("towered", "linear", 5)


def test_an_own_projection_that_does_not_fit_is_said(towered: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Towered, "initial_projection", ((Towered.w1[:, :5], Towered.b1), (Towered.w2, Towered.b2)))
    with pytest.raises(RepresentationError, match=r"its own projection cannot be trained.*--projection mlp"):
        start(changed(SMALL, encoder="towered"))


@pytest.mark.parametrize("encoder", ["clap-int8", "clap-bf16"])
def test_a_reduced_encoder_s_own_projection_is_not_trained_in_secret_on_another_s_features(encoder: str) -> None:
    with pytest.raises(RepresentationError, match=r"full precision.*train over clap, or .*--projection mlp"):
        start(changed(SMALL, encoder=encoder))


def test_the_bundled_encoders_get_a_residual_mlp() -> None:
    begin = start(changed(SMALL, encoder="sfx", hidden=32))
    assert (begin.projection.kind, begin.projection.residual, begin.projection.features) == ("mlp", True, 512)
    assert begin.projection.layers[0][0].shape == (32, 512)


def test_a_trained_model_is_no_encoder() -> None:
    with pytest.raises(RepresentationError, match="not an encoder"):
        start(changed(SMALL, encoder="split-and-contrast"))


def test_the_loss_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    trained = train(source(), on_top("mlp", SIZE), SMALL, validation=source(10, 1, fixed=True))
    picture = loss_curve(trained)
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
