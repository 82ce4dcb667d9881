#!/bin/sh
# The gRPC APIs by reflection: https://github.com/fullstorydev/grpcurl
set -eu
SCONCE_GRPC=${SCONCE_GRPC:-127.0.0.1:7070}

grpcurl -plaintext "$SCONCE_GRPC" list
grpcurl -plaintext -d '{"name": "digits"}' "$SCONCE_GRPC" inference.GRPCInferenceService/ModelReady
grpcurl -plaintext -d "{\"model_name\": \"digits\", \"input\": {\"data\": \"$(base64 < examples/digits/7.png | tr -d '\n')\"}}" \
  "$SCONCE_GRPC" org.pytorch.serve.grpc.inference.InferenceAPIsService/Predictions
