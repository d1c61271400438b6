// Checks that the verifier by hand gives the verdicts of the project's test vectors of REST APIs. Its argument is their folder; it
// prints how many it got right, and those that it got wrong.
import { readdirSync, readFileSync } from 'node:fs';
import { readBasePaths, readKeys, verify } from './authorizer.mjs';

const folder = process.argv[2];
let right = 0;
const wrong = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  for (const { name, received, policy, keys, verdict, verified_path } of JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')).cases) {
    if (!received.rest) continue;
    const headers = {};
    for (const [name, value] of received.headers) (headers[name] ??= []).push(value);
    const { rest } = received;
    let got = 'refused';
    try {
      const verified = verify({
        method: received.method, secondMethod: received.second_method, domainName: received.domain_name, headers,
        apiId: received.api_id, stage: received.stage, path: rest.path, apiPath: rest.api_path, query: rest.query,
        time: received.time,
      }, readKeys(JSON.stringify(keys)), {
        maxLifetime: policy.max_lifetime, skew: policy.skew, requireDigest: policy.require_digest,
        basePaths: readBasePaths(policy.base_paths),
      });
      got = `admitted ${verified_path === undefined ? '' : verified.path}`;
    } catch (error) {
      if (error.reason === undefined) got = `${error.stack}`;
    }
    const expected = verdict === 'admitted' ? `admitted ${verified_path ?? ''}` : 'refused';
    if (got === expected) right++;
    else wrong.push(`${name}: ${got}, not ${expected}`);
  }
}
console.log(JSON.stringify({ right, wrong }));
