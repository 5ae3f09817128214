"""Published networks whose weights the user brings: checked, and converted once to what onnxruntime runs."""
