import { OptionalText, Text, oneOf } from './values.ts'

/** Keys of our own for the Open Inference Protocol. */
export const openInference = {
  oip_server_name: Text.prefault('sconce').describe(
    'Name of the server in the metadata of the Open Inference Protocol.',
  ),
  oip_server_version: OptionalText.optional().describe('Its version there; unset: the version of Sconce.'),
  oip_non_finite: oneOf('token', 'null', 'string', 'error')
    .prefault('token')
    .describe(
      'How NaN and the infinities stand in JSON answers of that protocol; token: bare NaN, Infinity.',
    ),
}
