import {
  BAD_REQUEST,
  INTERNAL,
  noModel,
  NO_VERSION,
  NOOP,
  NOT_ALLOWED,
  noVersion,
  PROCESSING,
  RESNET,
  SQUEEZENET,
  type Answer,
  type ParityCase,
} from './case.ts'

const scaledTo = (workers: number, more: string): Answer => ({
  status: 200,
  says: `Workers scaled to ${workers} for model: ${more}`,
})

/** `PUT /models/{model}` */
export const scaling: readonly ParityCase[] = [
  {
    about: 'Without parameters: one worker, not waited for',
    given: [RESNET],
    request: 'PUT /models/resnet-18',
    answer: PROCESSING,
    verdict: 'same',
  },
  {
    about: 'Waited for',
    given: [SQUEEZENET],
    request: 'PUT /models/squeezenet1_1?min_worker=2&synchronous=true',
    answer: scaledTo(2, 'squeezenet1_1'),
    verdict: 'same',
  },
  {
    about: 'One version',
    given: [SQUEEZENET],
    request: 'PUT /models/squeezenet1_1/1.0?min_worker=1&synchronous=true',
    answer: scaledTo(1, 'squeezenet1_1, version: 1.0'),
    verdict: 'same',
  },
  {
    about: 'One version, as a parameter',
    given: NOOP,
    request: 'PUT /models/noop?model_version=1.2.1&min_worker=1&synchronous=true',
    answer: scaledTo(1, 'noop, version: 1.2.1'),
    verdict: 'same',
  },
  {
    about: 'Down to none',
    given: ['POST /models?url=noop.mar&initial_workers=1'],
    request: 'PUT /models/noop?min_worker=0&synchronous=true',
    answer: scaledTo(0, 'noop'),
    verdict: 'same',
  },
  {
    about: '`number_gpu` and `timeout` are taken and do nothing',
    given: [RESNET],
    request: 'PUT /models/resnet-18?number_gpu=-1&timeout=0',
    answer: PROCESSING,
    verdict: 'same',
  },
  {
    about: 'Numbers and flags that are none count as their defaults',
    given: [RESNET],
    request: 'PUT /models/resnet-18?min_worker=nan&synchronous=nan',
    answer: PROCESSING,
    verdict: 'same',
  },
  {
    about: 'More at least than at most',
    given: [RESNET],
    request: 'PUT /models/resnet-18?min_worker=2&max_worker=1',
    answer: { status: 400, type: BAD_REQUEST, message: 'max_worker cannot be less than min_worker.' },
    verdict: 'same',
  },
  {
    about: '`max_worker=-1`',
    given: [RESNET],
    request: 'PUT /models/resnet-18?max_worker=-1',
    answer: { status: 400, type: BAD_REQUEST, message: 'max_worker cannot be less than min_worker.' },
    verdict: 'same',
  },
  {
    about: '`min_worker=-1`',
    given: [RESNET],
    request: 'PUT /models/resnet-18?min_worker=-1',
    answer: {
      status: 500,
      type: 'IndexOutOfBoundsException',
      message: 'min_worker is -1; expected 0 or more',
    },
    verdict: 'same',
  },
  {
    about: 'An unknown model',
    request: 'PUT /models/fake',
    answer: noModel('fake'),
    verdict: 'same',
  },
  {
    about: 'An unknown version',
    given: [SQUEEZENET],
    request: 'PUT /models/squeezenet1_1/0.0?min_worker=1&synchronous=true',
    answer: noVersion('squeezenet1_1', '0.0'),
    verdict: 'same',
  },
  {
    about: 'Workers that do not start',
    given: ['POST /models?url=init-error.mar'],
    request: 'PUT /models/init-error?min_worker=1&synchronous=true',
    answer: {
      status: 500,
      type: INTERNAL,
      message: 'Failed to start workers for model init-error version: null',
      json: { reason: 'no weights for you' },
    },
    verdict: 'same',
  },
  {
    about: 'A handler that is not there',
    given: ['POST /models?url=mnist.mar&handler=invalidHandler'],
    request: 'PUT /models/mnist?min_worker=1&synchronous=true',
    answer: {
      status: 500,
      type: INTERNAL,
      message: 'Failed to start workers for model mnist version: null',
      json: { reason: /^There is no handler invalidHandler/ },
    },
    verdict: 'same',
  },
]

/** `PUT /models/{model}/{version}/set-default` and `DELETE /models/{model}` */
export const switching: readonly ParityCase[] = [
  {
    about: 'Another default version',
    given: NOOP,
    request: 'PUT /models/noop/1.2.1/set-default',
    answer: { status: 200, says: 'Default version successfully updated for model "noop" to "1.2.1"' },
    verdict: 'same',
  },
  {
    about: 'Another default version: an unknown version',
    given: NOOP,
    request: 'PUT /models/noop/3.3.3/set-default',
    answer: { status: 404, type: NO_VERSION, message: 'Model version 3.3.3 does not exist for model noop' },
    verdict: 'same',
  },
  {
    about: 'Another default version: an unknown model',
    request: 'PUT /models/squeezenet0_1/1.0/set-default',
    answer: noModel('squeezenet0_1'),
    verdict: 'same',
  },
  {
    about: 'Unregister; parameters and a slash at the end do not matter',
    given: [SQUEEZENET],
    request: 'DELETE /models/squeezenet1_1/?timeout=true&synchronous=-1',
    answer: { status: 200, says: 'Model "squeezenet1_1" unregistered' },
    verdict: 'same',
  },
  {
    about: 'Unregister one of several versions',
    given: NOOP,
    request: 'DELETE /models/noop/1.2.1',
    answer: { status: 200, says: 'Model "noop" unregistered' },
    verdict: 'same',
  },
  {
    about: 'Unregister the default version while there are others',
    given: NOOP,
    request: 'DELETE /models/noop',
    answer: {
      status: 403,
      type: 'InvalidModelVersionException',
      message: 'Cannot remove default version for model noop',
    },
    verdict: 'same',
  },
  {
    about: 'Unregister an unknown model',
    request: 'DELETE /models/fake',
    answer: noModel('fake'),
    verdict: 'same',
  },
  {
    about: 'Unregister an unknown version',
    given: [SQUEEZENET],
    request: 'DELETE /models/squeezenet1_1/0.0',
    answer: noVersion('squeezenet1_1', '0.0'),
    verdict: 'same',
  },
  {
    about: 'Unregister while the model API is not enabled (the default)',
    withoutModelApi: true,
    request: 'DELETE /models/noop',
    answer: NOT_ALLOWED,
    verdict: 'same',
  },
]
