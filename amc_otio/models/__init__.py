"""Other people's checkpoints become safe local model files.

``add`` recognises a checkpoint, reads it without running anything from it, checks every tensor, converts the audio
tower to ONNX, verifies the result and puts it into the user's model folder, where the representations find it
(`amc_otio.representations.model_files`). Nothing below this room imports it.
"""
