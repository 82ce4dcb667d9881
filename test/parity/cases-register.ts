import { JSON_BODY, PROCESSING, registered, registeredWith, type ParityCase } from './case.ts'

/** `POST /models` that works. */
export const registering: readonly ParityCase[] = [
  {
    about: 'An archive of the model store',
    request: 'POST /models?url=squeezenet1_1.mar',
    answer: registered('squeezenet1_1'),
    verdict: 'same',
  },
  {
    about: 'Another name than the manifest has',
    request: 'POST /models?url=resnet-152-batch.mar&model_name=resnet152',
    answer: registered('resnet152'),
    verdict: 'same',
  },
  {
    about: "The manifest's version",
    request: 'POST /models?url=noop.mar',
    answer: registered('noop', '1.11'),
    verdict: 'same',
  },
  {
    about: 'A second version of a name',
    given: ['POST /models?url=noop.mar'],
    request: 'POST /models?url=noop_v2.mar&model_name=noop',
    answer: registered('noop', '1.2.1'),
    verdict: 'same',
  },
  {
    about: 'Workers, waited for (the default)',
    request: 'POST /models?url=mnist.mar&initial_workers=2',
    answer: registeredWith(2, 'mnist'),
    verdict: 'same',
  },
  {
    about: 'Workers, not waited for',
    request: 'POST /models?url=mnist.mar&initial_workers=1&synchronous=false',
    answer: PROCESSING,
    verdict: 'same',
  },
  {
    about: '`synchronous` that is neither true nor false counts as false',
    request: 'POST /models?url=mnist.mar&initial_workers=1&synchronous=-1',
    answer: PROCESSING,
    verdict: 'same',
  },
  {
    about: '`synchronous=false` without workers',
    request: 'POST /models?url=resnet-18.mar&synchronous=false',
    answer: registered('resnet-18'),
    verdict: 'same',
  },
  {
    about: 'Numbers that are none count as their defaults',
    request: 'POST /models?url=resnet-18.mar&batch_size=dd&max_batch_delay=junk&initial_workers=one',
    answer: registered('resnet-18'),
    verdict: 'same',
  },
  {
    about: 'Fewer than no workers are none',
    request: 'POST /models?url=squeezenet1_1.mar&initial_workers=-1',
    answer: registered('squeezenet1_1'),
    verdict: 'same',
  },
  {
    about: 'The parameters as a JSON body; the query then does not count',
    request: 'POST /models?url=densenet161.mar&model_name=query',
    headers: JSON_BODY,
    body: '{"url": "noop.mar", "model_name": "noop", "initial_workers": "1", "synchronous": "true"}',
    answer: registeredWith(1, 'noop', '1.11'),
    verdict: 'same',
  },
  {
    about: 'A repeated parameter: the first counts',
    request: 'POST /models?url=mnist.mar&url=squeezenet1_1.mar',
    answer: registered('mnist'),
    verdict: 'same',
  },
  {
    about: 'A handler that is not there, without workers',
    request: 'POST /models?url=mnist.mar&handler=invalidHandler',
    answer: registered('mnist'),
    verdict: 'same',
  },
  {
    about: "The path of one of TorchServe's own handlers, without workers",
    request: 'POST /models?url=mnist.mar&handler=serve/ts/torch_handler/image_classifier.py:handle',
    answer: registered('mnist'),
    verdict: 'same',
  },
  {
    about: 'A remote archive that `allowed_urls` allows',
    request: 'POST /models?url={host}%2Fremote.mar',
    answer: registered('remote'),
    verdict: 'same',
  },
]
