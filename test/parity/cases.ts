/** Requests to TorchServe's APIs, what Sconce answers, and how that stands to TorchServe's own answer. */
import type { ParityGroup } from './case.ts'
import { describing, listing } from './cases-describe.ts'
import { failing } from './cases-failing.ts'
import { predicting } from './cases-inference.ts'
import { scaling, switching } from './cases-manage.ts'
import { description, others, transport } from './cases-other.ts'
import { refused } from './cases-refused.ts'
import { registering } from './cases-register.ts'

export const groups: readonly ParityGroup[] = [
  { title: 'Registering a model', cases: registering },
  { title: 'Registrations that are refused', cases: refused },
  { title: 'Listing models', cases: listing },
  { title: 'Describing a model', cases: describing },
  { title: 'Scaling a model', cases: scaling },
  { title: 'Switching versions and unregistering', cases: switching },
  { title: 'Health and predictions', cases: predicting },
  { title: 'Predictions that fail', cases: failing },
  { title: 'All answers', cases: transport },
  { title: 'API description', cases: description },
  { title: 'Metrics, KServe, workflows', cases: others },
]
