import { failure } from '../errors.ts'
import type { Management } from '../models/management.ts'
import type { Implementation } from './service.ts'
import type { ManagementAPIsService } from './services-torchserve.ts'

export interface ManagementParts {
  readonly management: Management
  /** Whether models can be registered and unregistered. */
  readonly isRegistrationEnabled: boolean
}

/**
 * TorchServe's management service: https://github.com/pytorch/serve/blob/master/docs/grpc_api.md. Numbers up to 0 and
 * empty texts count as not given, and nothing waits for workers unless `synchronous` is set.
 */
export function managementService({
  management,
  isRegistrationEnabled,
}: ManagementParts): Implementation<typeof ManagementAPIsService> {
  return {
    DescribeModel: async (request, { requestId }) => {
      const { customized } = request
      const version = text(request.model_version)
      return json(await management.describe(modelOf(request), version, { customized, requestId }))
    },
    ListModels: ({ limit, next_page_token }) => json(management.list(limit, next_page_token)),
    RegisterModel: async request => {
      if (!isRegistrationEnabled) throw failure('MODEL_API_DISABLED')
      const { status } = await management.register({
        url: text(request.url),
        modelName: text(request.model_name),
        handler: text(request.handler),
        runtime: text(request.runtime),
        s3SseKms: request.s3_sse_kms,
        initialWorkers: count(request.initial_workers),
        batchSize: count(request.batch_size),
        maxBatchDelay: count(request.max_batch_delay),
        responseTimeout: count(request.response_timeout),
        startupTimeout: count(request.startup_timeout),
        synchronous: request.synchronous,
      })
      return { msg: status }
    },
    ScaleWorker: async request => {
      const { status } = await management.scale({
        name: modelOf(request),
        version: text(request.model_version),
        minWorkers: count(request.min_worker),
        maxWorkers: count(request.max_worker),
        synchronous: request.synchronous,
      })
      return { msg: status }
    },
    SetDefault: async request => {
      const version = text(request.model_version)
      if (version === undefined) throw failure('MISSING_PARAMETER', 'model_version')
      return { msg: (await management.setDefault(modelOf(request), version)).status }
    },
    UnregisterModel: async request => {
      if (!isRegistrationEnabled) throw failure('MODEL_API_DISABLED')
      const { status } = await management.unregister(modelOf(request), text(request.model_version))
      return { msg: status }
    },
  }
}

function modelOf({ model_name }: { readonly model_name: string }): string {
  if (model_name === '') throw failure('MISSING_PARAMETER', 'model_name')
  return model_name
}

const text = (given: string) => given || undefined
const count = (given: number) => (given > 0 ? given : undefined)

/** As in REST, but without the newline at the end. */
const json = (value: unknown) => ({ msg: JSON.stringify(value, null, 2) })
