import type { FastifyReply, FastifyRequest } from 'fastify'
import { failureWith } from '../errors.ts'
import { refuseFiles, type Repository } from '../models/repository.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { App } from './app.ts'
import { addKserveScope } from './kserve-errors.ts'
import { post, readObject } from './kserve-v2.ts'

export interface RepositoryRoutes {
  readonly repository: Repository
  readonly logger: Logger
  /** As for TorchServe's calls that register models. */
  readonly isRegistrationEnabled: boolean
}

const NOTHING = Buffer.alloc(0)

/** Loading and unloading by the Open Inference Protocol: part of the management API, behind what protects that. */
export function addRepositoryRoutes(
  app: App,
  { repository, logger, isRegistrationEnabled }: RepositoryRoutes,
): void {
  const answer =
    (work: (name: string) => Promise<void>) => async (request: FastifyRequest, reply: FastifyReply) => {
      if (!isRegistrationEnabled) {
        throw failureWith(
          { reason: 'Set enable_model_api=true to load and unload models.' },
          'METHOD_NOT_ALLOWED',
        )
      }
      refuseFiles(Object.keys(Object(readObject(request.body)['parameters'])))
      await work((request.params as { model: string }).model)
      return reply.header('content-type', 'application/json').send(NOTHING)
    }
  addKserveScope(app, logger, scope => {
    for (const base of ['/v2/repository', '/v2/repository/:repository']) {
      post(
        scope,
        `${base}/models/:model/load`,
        answer(name => repository.load(name)),
        { isSwitchedOff: !isRegistrationEnabled },
      )
      post(
        scope,
        `${base}/models/:model/unload`,
        answer(name => repository.unload(name)),
        { isSwitchedOff: !isRegistrationEnabled },
      )
    }
  })
}
