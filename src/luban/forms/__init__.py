"""Fitted estimators as data: one file a form. They answer with numpy alone and draw themselves as ONNX graphs."""
