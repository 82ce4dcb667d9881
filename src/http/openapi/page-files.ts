/** What the page is made of, beside itself, and of what type each is. */
export const PAGE_FILES = {
  'swagger-ui.css': 'text/css',
  'swagger-ui-bundle.js': 'text/javascript',
  'swagger-ui-standalone-preset.js': 'text/javascript',
  'page.js': 'text/javascript',
} as const

export const OWN_FILE = 'page.js'

/** Relative, because the page may stand below a prefix that a proxy takes away. */
export function pageHtml(folder: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sconce: APIs</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${folder}/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="${folder}/swagger-ui-bundle.js"></script>
<script src="${folder}/swagger-ui-standalone-preset.js"></script>
<script src="${folder}/${OWN_FILE}"></script>
</body>
</html>
`
}

/**
 * The choice of documents: the server's, and one for each model that this address tells of. A path of another address can
 * be read and not tried: browsers keep pages from the answers of other addresses.
 */
export const PAGE_SCRIPT = `'use strict'
const root = new URL('..', document.currentScript.src)
const documentAt = path => new URL(path, root).href

async function listDocuments() {
  const server = { name: 'All APIs', url: documentAt('openapi.json') }
  try {
    const response = await fetch(documentAt('v2/models'))
    const { models } = response.ok ? await response.json() : { models: [] }
    const ofModel = name => ({ name, url: documentAt('v2/models/' + encodeURIComponent(name) + '/openapi.json') })
    return [server, ...models.map(ofModel)]
  } catch {
    return [server]
  }
}

const isServedHere = (specJson, path) => specJson.getIn(['paths', path, 'servers']) === undefined
const ours = () => ({
  components: { Logo: () => null },
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (_original, system) => (_state, path) =>
          isServedHere(system.getSystem().specSelectors.specJson(), path),
      },
    },
  },
})

listDocuments().then(urls =>
  SwaggerUIBundle({
    dom_id: '#page',
    urls,
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [ours],
    layout: 'StandaloneLayout',
  }),
)
`
