import { BAD_REQUEST, INTERNAL, JSON_BODY, NO_MODEL, NOT_ALLOWED, type ParityCase } from './case.ts'

const REMOTE = 'torchserve.pytorch.org/mar_files/densenet161.mar'

/** `POST /models` that is refused. */
export const refused: readonly ParityCase[] = [
  {
    about: 'The model API is not enabled (the default)',
    withoutModelApi: true,
    request: 'POST /models?url=mnist.mar',
    answer: NOT_ALLOWED,
    verdict: 'same',
  },
  {
    about: 'No `url`',
    request: 'POST /models',
    answer: { status: 400, type: BAD_REQUEST, message: 'Parameter url is required.' },
    verdict: 'same',
  },
  {
    about: 'An empty `url`',
    request: 'POST /models?url=&model_name=resnet-18',
    answer: { status: 404, type: NO_MODEL, message: 'empty url' },
    verdict: 'same',
  },
  {
    about: 'A path that climbs',
    request: 'POST /models?url=..%2Ffake.mar',
    answer: { status: 404, type: NO_MODEL, message: 'Relative path is not allowed in url: ../fake.mar' },
    verdict: 'same',
  },
  {
    about: 'A file that is not in the store',
    request: 'POST /models?url=InvalidUrl',
    answer: { status: 404, type: NO_MODEL, message: 'Model not found at: InvalidUrl' },
    verdict: 'same',
  },
  {
    about: 'A folder outside the store by its absolute path',
    request: 'POST /models?url=%2Fetc',
    answer: { status: 404, type: NO_MODEL, message: 'Model not found at: /etc' },
    torchserve: '200: any folder of the disk is linked and served',
    verdict: { better: 'Only what lies in the model store can be registered by its name.' },
  },
  {
    about: 'A name and version that are there',
    given: ['POST /models?url=noop.mar'],
    request: 'POST /models?url=noop.mar&runtime=python&synchronous=false',
    answer: {
      status: 409,
      type: 'ConflictStatusException',
      message: 'Model version 1.11 is already registered for model noop',
    },
    verdict: 'same',
  },
  {
    about: 'An unknown runtime',
    request: 'POST /models?url=squeezenet1_1.mar&runtime=python4',
    answer: { status: 400, type: BAD_REQUEST, message: 'Invalid RuntimeType value: python4' },
    verdict: 'same',
  },
  {
    about: 'A body that is not JSON',
    request: 'POST /models',
    headers: JSON_BODY,
    body: '{"url": ',
    answer: { status: 500, type: 'JsonSyntaxException', message: /^The body is not JSON: / },
    verdict: 'same',
  },
  {
    about: 'JSON in single quotes',
    request: 'POST /models',
    headers: JSON_BODY,
    body: "{'url': 'noop.mar'}",
    answer: { status: 500, type: 'JsonSyntaxException', message: /^The body is not JSON: / },
    torchserve: '200: its parser is lenient',
    verdict: { missing: 'JSON has to be JSON: names and texts stand in double quotes.' },
  },
  {
    about: 'A remote archive that `allowed_urls` does not allow',
    request: `POST /models?url=https%3A%2F%2F${encodeURIComponent(REMOTE)}`,
    answer: {
      status: 404,
      type: NO_MODEL,
      message: `Given URL https://${REMOTE} does not match any allowed URL(s)`,
    },
    verdict: 'same',
  },
  {
    about: 'A remote archive whose file is in the store already',
    request: 'POST /models?url={host}%2Fdensenet161.mar',
    answer: { status: 500, type: INTERNAL, message: 'Model file already exists densenet161.mar' },
    verdict: 'same',
  },
  {
    about: 'A remote archive that is not there',
    request: 'POST /models?url={host}%2Finvalid-resnet-18.mar',
    answer: {
      status: 400,
      type: 'DownloadArchiveException',
      message: /^Failed to download archive from: http:\/\/127\.0\.0\.1:\d+\/invalid-resnet-18\.mar$/,
    },
    verdict: 'same',
  },
  {
    about: 'A URL that is none',
    request: 'POST /models?url=http%3A%2F%2Flocalhost%3Aaaaa',
    answer: {
      status: 404,
      type: NO_MODEL,
      message: 'Given URL http://localhost:aaaa does not match any allowed URL(s)',
    },
    torchserve: '400 `DownloadArchiveException`: its default allows every text that begins with http',
    verdict: {
      better: 'Remote archives are off until `allowed_urls` names them, and what is no URL matches none.',
    },
  },
  {
    about: 'An archive on S3 with `s3_sse_kms=true`',
    request: 'POST /models?url=mnist.mar&s3_sse_kms=true',
    answer: { status: 400, type: BAD_REQUEST, message: /^s3_sse_kms is not supported/ },
    torchserve: '200: signs the download with the keys in the environment',
    verdict: { missing: 'Archives come from the model store, http(s) or file URLs.' },
  },
  {
    about: 'Neither manifest nor request names the model',
    request: 'POST /models?url=nameless.mar',
    answer: { status: 400, type: 'InvalidModelException', message: 'Model name is not defined.' },
    verdict: 'same',
  },
  {
    about: 'A file that is no archive',
    request: 'POST /models?url=broken.mar&model_name=broken',
    answer: { status: 400, type: 'InvalidModelException', message: /^Archive broken\.mar is refused: / },
    torchserve: '200: it is registered, and its workers fail',
    verdict: { better: 'An archive is read as a whole before anything is registered.' },
  },
  {
    about: 'A manifest that is not JSON',
    request: 'POST /models?url=unreadable.mar',
    answer: { status: 400, type: 'InvalidModelException', message: 'Failed to parse signature.json.' },
    verdict: 'same',
  },
  {
    about: 'A manifest with an unknown runtime',
    request: 'POST /models?url=runtime.mar',
    answer: { status: 400, type: 'InvalidModelException', message: 'Runtime is not defined or invalid.' },
    verdict: 'same',
  },
  {
    about: 'A Python handler, with workers',
    request: 'POST /models?url=mnist.mar&handler=mnist_handler.py&initial_workers=1',
    answer: { status: 400, type: 'InvalidModelException', message: /^Handler mnist_handler\.py is Python/ },
    torchserve: '200: runs it',
    verdict: {
      missing: 'Handlers are TypeScript or JavaScript; the guide shows the same steps side by side.',
    },
  },
  {
    about: 'A handler that is not there, with workers',
    request: 'POST /models?url=mnist.mar&handler=invalidHandler&initial_workers=1',
    answer: { status: 400, type: 'InvalidModelException', message: /^There is no handler invalidHandler/ },
    torchserve: '500 `InternalServerException`, after starting workers in vain',
    verdict: { better: 'Told before a worker is started, with the handlers that there are.' },
  },
  {
    about: 'A handler that fails to load',
    request: 'POST /models?url=init-error.mar&initial_workers=1',
    answer: {
      status: 500,
      type: INTERNAL,
      message: 'Failed to start workers for model init-error version: 1.0',
      json: { reason: 'no weights for you' },
    },
    verdict: 'same',
  },
  {
    about: 'A worker that runs out of memory while it loads',
    request: 'POST /models?url=loading-memory-error.mar&initial_workers=1',
    answer: {
      status: 507,
      type: INTERNAL,
      message: 'Failed to start workers for model loading-memory-error version: 1.0',
    },
    verdict: 'same',
  },
  {
    about: '`startup_timeout=0` with workers',
    request: 'POST /models?url=mnist.mar&initial_workers=3&startup_timeout=0',
    answer: {
      status: 500,
      type: INTERNAL,
      message: 'Failed to start workers for model mnist version: 1.0',
      json: { reason: 'The worker did not load its model within 0 s.' },
    },
    verdict: 'same',
  },
  {
    about: 'More workers than any machine has',
    request: 'POST /models?url=mnist.mar&initial_workers=100000',
    answer: {
      status: 400,
      type: BAD_REQUEST,
      message: 'initial_workers is 100000; expected 1024 at most.',
    },
    torchserve: 'starts them',
    verdict: { better: 'A slip of the finger does not take the machine down.' },
  },
  {
    about: 'A batch of less than one',
    request: 'POST /models?url=mnist.mar&batch_size=0',
    answer: { status: 400, type: BAD_REQUEST, message: 'batch_size is 0; expected 1 or more.' },
    torchserve: '200',
    verdict: { better: 'A model that could never serve is not registered.' },
  },
  {
    about: 'Another method than GET and POST on `/models`',
    request: 'PUT /models',
    answer: NOT_ALLOWED,
    verdict: 'same',
  },
  {
    about: 'POST on one model',
    given: ['POST /models?url=noop.mar'],
    request: 'POST /models/noop',
    answer: NOT_ALLOWED,
    verdict: 'same',
  },
]
