import { z } from 'zod'
import { facts } from './facts.ts'

const withoutMeaning = (was: string, more: { env?: false; flags?: readonly string[] } = {}) =>
  z
    .string()
    .optional()
    .describe(was)
    .register(facts, { flags: [], ...more })

/** Keys of TorchServe that cannot mean anything without Python, Java or a GPU: accepted, with one warning for all. */
export const ignored = {
  number_of_netty_threads: withoutMeaning('Threads of the Java front end.'),
  netty_client_threads: withoutMeaning('Threads of the Java front end towards its workers.'),
  prefer_direct_buffer: withoutMeaning('Memory of the Java front end.'),
  use_native_io: withoutMeaning('epoll in the Java front end.', { env: false }),
  io_ratio: withoutMeaning('Share of input and output in the Java front end.', { env: false }),
  vmargs: withoutMeaning('Arguments of the Java virtual machine.'),
  async_logging: withoutMeaning('Logging of the Java front end; ours never blocks.'),
  plugins_path: withoutMeaning('Java plugins.', { flags: ['--plugins-path', '--ppath'] }),
  model_server_home: withoutMeaning('Folder of the Python package.'),
  python: withoutMeaning('Python interpreter of the workers.'),
  install_py_dep_per_model: withoutMeaning('pip install for each model.'),
  cpp_log_config: withoutMeaning('Logging of the C++ back end.', {
    flags: ['--cpp-log-config'],
  }),
  initial_distribution_port: withoutMeaning('First port of torchrun.'),
  ipex_enable: withoutMeaning('Intel extension for PyTorch.'),
  ipex_gpu_enable: withoutMeaning('Intel extension for PyTorch on GPUs.'),
  cpu_launcher_enable: withoutMeaning('Core pinning by torch.backends.xeon; see the CPU plan.'),
  cpu_launcher_args: withoutMeaning('Arguments of that launcher.'),
  number_of_gpu: withoutMeaning('GPUs to use; models run on the CPU.'),
  metrics_format: withoutMeaning('Replaced by metrics_mode; still in many files for KServe.'),
  ts_open_inference_protocol: withoutMeaning('The Open Inference Protocol, which is always served here.'),
  NUM_WORKERS: withoutMeaning('In many files for KServe, without effect in TorchServe too.', { env: false }),
  tsConfigFile: withoutMeaning('Written into snapshots by TorchServe.', { env: false }),
  version: withoutMeaning('Written into snapshots by TorchServe.', { env: false }),
}
