// An OpenID Connect provider, the npm package oidc-provider, whose tokens the authorizer must accept.
//
// It needs Node 22.12 or newer: that package supports no older one, and it is loaded with `require` from the folder
// that COUNTERSIGN_ISSUER names.
//
// It listens on a free port of this machine and prints its issuer. Then it reads commands, one a line, and answers each
// with one line:
//   token ALG SCOPES   a new access token for the audience `pets`; ALG is RS256, ES256 or Ed25519
//   opaque SCOPES      a new access token that is not a JWT
//   roll               makes new keys and signs with them; the keys before them stay published
//   withdraw           publishes only the keys that sign now
// It ends with its input.

import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

// It remarks there that it keeps everything in memory, as it should here.
console.info = console.warn = () => {}
const { Provider } = createRequire(`${process.env.COUNTERSIGN_ISSUER}/package.json`)('oidc-provider')

const CLIENT = { id: 'shop', secret: randomUUID() }
const RESOURCE = 'https://pets.example/'
const LIFETIME = 3600

function newKeys () {
  const pair = (alg, type, options) => {
    const { privateKey } = generateKeyPairSync(type, options)
    return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() }
  }
  return [
    pair('RS256', 'rsa', { modulusLength: 2048 }),
    pair('ES256', 'ec', { namedCurve: 'P-256' }),
    pair('Ed25519', 'ed25519')
  ]
}

function provider (issuer, keys) {
  return new Provider(issuer, {
    jwks: { keys },
    ttl: { ClientCredentials: LIFETIME },
    clients: [{
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: []
    }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => {
          const alg = resource.slice(RESOURCE.length)
          const common = { scope: 'pets.read pets.write', audience: 'pets', accessTokenTTL: LIFETIME }
          return alg === 'opaque'
            ? { ...common, accessTokenFormat: 'opaque' }
            : { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg } } }
        }
      }
    }
  })
}

async function token (issuer, resource, scopes) {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'client_credentials', resource: RESOURCE + resource, scope: scopes.join(' ')
    })
  })
  const { access_token: token, ...rest } = await answer.json()
  if (!token) throw new Error(JSON.stringify(rest))
  return token
}

let keys = newKeys()
let handle
const server = createServer((request, response) => handle(request, response))
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const publish = (all) => { handle = provider(issuer, all).callback() }
  publish(keys)
  console.log(issuer)
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, ...words] = line.split(' ')
    switch (command) {
      case 'token':
        console.log(await token(issuer, words[0], words.slice(1)))
        break
      case 'opaque':
        console.log(await token(issuer, command, words))
        break
      case 'roll': {
        const old = keys
        keys = newKeys()
        publish([...keys, ...old])
        console.log('rolled')
        break
      }
      case 'withdraw':
        publish(keys)
        console.log('withdrawn')
        break
      default:
        throw new Error(`the command ${command} does not exist`)
    }
  }
  process.exit()
})
