"""What answers: the ONNX graph where parity holds, else the form itself."""
