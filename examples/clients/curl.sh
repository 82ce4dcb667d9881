#!/bin/sh
# The same picture through each REST protocol. SCONCE: where the inference API listens.
set -eu
SCONCE=${SCONCE:-http://127.0.0.1:8080}
PIXELS=$(printf '0.5,%.0s' $(seq 63))0.5

# TorchServe: the image itself, for the model's handler.
curl -sf "$SCONCE/predictions/digits" -T examples/digits/7.png
echo

# KServe v1: instances for the handler; bytes as base64.
curl -sf "$SCONCE/v1/models/digits:predict" -H 'content-type: application/json' \
  -d "{\"instances\": [{\"b64\": \"$(base64 < examples/digits/7.png | tr -d '\n')\"}]}"
echo

# Open Inference Protocol: a tensor for the graph.
curl -sf "$SCONCE/v2/models/digits/infer" \
  -d "{\"inputs\": [{\"name\": \"image\", \"datatype\": \"FP32\", \"shape\": [1, 1, 8, 8], \"data\": [$PIXELS]}]}"
echo
