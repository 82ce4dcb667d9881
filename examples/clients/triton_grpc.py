"""pip install 'tritonclient[grpc]' numpy"""
import os

import numpy as np
import tritonclient.grpc as triton

client = triton.InferenceServerClient(os.environ.get("SCONCE_GRPC", "127.0.0.1:7070"))
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("digits")

image = triton.InferInput("image", [1, 1, 8, 8], "FP32")
image.set_data_from_numpy(np.full((1, 1, 8, 8), 0.5, dtype=np.float32))
print(client.infer("digits", [image]).as_numpy("logits").shape)
