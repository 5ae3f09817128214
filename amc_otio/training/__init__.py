"""Split-and-Contrast: the training of section 2.3 of the paper. Start reading at `amc_otio.training.run`.

`samples` reads windows of sources out of a library, `batches` makes batches of them, `loss` is equation (1),
`trainer` the steps and their checkpoints, `result` the model file and its card. Only `loss` and `trainer` need torch.
"""
