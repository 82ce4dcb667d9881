"""pip install 'tritonclient[http]' numpy; sends and gets binary tensors by default."""
import os

import numpy as np
import tritonclient.http as triton

client = triton.InferenceServerClient(os.environ.get("SCONCE", "127.0.0.1:8080").removeprefix("http://"))
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("digits")

image = triton.InferInput("image", [1, 1, 8, 8], "FP32")
image.set_data_from_numpy(np.full((1, 1, 8, 8), 0.5, dtype=np.float32))
result = client.infer("digits", [image])
print(result.as_numpy("logits").shape)

best = triton.InferRequestedOutput("logits", class_count=3)
print(client.infer("digits", [image], outputs=[best]).as_numpy("logits"))
