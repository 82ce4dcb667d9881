import {
  Flag,
  ModelTableJson,
  OptionalText,
  Path,
  Pattern,
  PatternList,
  Seconds,
  SnapshotJson,
  StartupModels,
  SwitchOrPath,
  oneOf,
  whole,
} from './values.ts'
import { NOT_YET, facts } from './facts.ts'

export const models = {
  model_store: Path.optional().describe('Folder with the model archives. It must be given.'),
  load_models: StartupModels.prefault('')
    .describe('Models to load at start: all, or [name=]location with commas between.')
    .register(facts, { flags: ['--models', '--load-models'] }),
  models: ModelTableJson.prefault('')
    .describe('Settings by model name and version, as JSON; used when that version is registered.')
    .register(facts, { flags: [], env: false }),
  workflow_store: Path.optional()
    .describe('Folder with the workflow archives; unset: the model store.')
    .register(facts, NOT_YET),
  model_snapshot: SnapshotJson.optional()
    .describe('Models to restore in place of load_models, as JSON, as snapshots have it; --models wins.')
    .register(facts, { flags: [], env: false }),
  enable_model_api: Flag.prefault('false').describe(
    'Whether models can be registered and unregistered over the management API.',
  ),
  allowed_urls: PatternList.prefault('').describe(
    'Regular expressions, one of which a URL to register a model from must match as a whole; unset: none may.',
  ),
  import_cache: Path.optional().describe(
    'Folder where imported PyTorch files are kept; unset: sconce/imports in the cache folder of the user.',
  ),
  optimized_graph_cache: SwitchOrPath.prefault('true').describe(
    'Whether large graphs are laid out for this machine once and shared by their workers, or the folder where they are kept; true: sconce/graphs in the cache folder of the user.',
  ),
  cache_size_mb: whole(1, 2 ** 31 - 1)
    .prefault('10240')
    .describe(
      'Megabytes that the imports may take, and the optimised graphs; what was not used for longest is removed.',
    ),
  import_timeout: Seconds.prefault('120').describe(
    'Seconds that the import of a PyTorch file may take at registration.',
  ),
  default_service_handler: OptionalText.optional().describe(
    'Handler of an archive that names none; unset: base_handler.',
  ),
  service_envelope: oneOf('body', 'json', 'kserve', 'kservev2')
    .optional()
    .describe(
      'Form of requests and answers around a handler; unset: kserve for /v1, else the body as it is.',
    ),
  decode_input_request: Flag.prefault('true').describe(
    'Whether a JSON or text body is decoded for the handler.',
  ),
  limit_max_image_pixels: Flag.prefault('true').describe('Whether images with very many pixels are refused.'),
}

export const workers = {
  default_workers_per_model: whole(0)
    .prefault('0')
    .describe('Workers of a model that is loaded at start; 0: as many as the CPU plan gives.'),
  calibrate: Flag.prefault('true').describe(
    'Whether the first worker of a model measures how large a batch pays and how many threads, and workers where nobody says a number.',
  ),
  warm_up: Flag.prefault('true').describe(
    'Whether a worker answers made-up or recorded requests before it is ready.',
  ),
  default_response_timeout: Seconds.prefault('120').describe('Seconds that a worker has to answer a batch.'),
  default_startup_timeout: Seconds.prefault('120').describe('Seconds that a worker has to load its model.'),
  unregister_model_timeout: Seconds.prefault('120').describe(
    'Seconds that the requests of a model have to end when it is unregistered.',
  ),
  job_queue_size: whole(1)
    .prefault('100')
    .describe('Requests that may wait for one model version; a further one gets 503.'),
  job_queue_bytes: whole(1, Number.MAX_SAFE_INTEGER)
    .prefault('536870912')
    .describe('Bytes that the requests may have that wait for one model version; a further one gets 503.'),
  initial_worker_port: whole(0, 65_535)
    .prefault('9000')
    .describe('Number of the first worker in names and logs.'),
  blacklist_env_vars: Pattern.prefault('').describe(
    'Regular expression; variables whose whole name matches it are not passed to workers.',
  ),
  worker_memory_limit_mb: whole(0, 2 ** 31 - 1)
    .prefault('0')
    .describe(
      'Megabytes. A worker that holds more is ended and replaced, one that comes near between two batches; 0: four ' +
        'fifths of the memory.',
    ),
  debug: Flag.prefault('false').describe(
    "One worker for each model, in the server's own process and without time limits: for a debugger.",
  ),
}
