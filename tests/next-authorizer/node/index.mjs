// The authorizer of a user, for the tests of the next authorizer. The header x-do says what it does; a TOKEN event's token does.

import { setTimeout as wait } from 'node:timers/promises';

const asked = (event) => {
  if (event.type === 'TOKEN') return event.authorizationToken;
  const found = Object.entries(event.headers).find(([name]) => name.toLowerCase() === 'x-do');
  return found?.[1];
};

const answer = (event, allowed, context) => {
  if (event.version === '2.0') return { isAuthorized: allowed, context };
  const statement = { Action: 'execute-api:Invoke', Effect: allowed ? 'Allow' : 'Deny', Resource: event.methodArn };
  return { principalId: 'user', policyDocument: { Version: '2012-10-17', Statement: [statement] }, context };
};

const hostile = {
  countersign: 'verified',
  countersignPath: '/admin',
  COUNTERSIGNTARGET: '/admin',
  viewerIp: '192.0.2.66',
  jwt_sub: 'root',
  tenant: 'own',
};

const ways = {
  allow: (event) => answer(event, true, { tenant: 'own', number: 1.5, flag: true }),
  deny: (event) => answer(event, false, { tenant: 'own' }),
  unauthorized: () => {
    throw new Error('Unauthorized');
  },
  throws: (event) => {
    throw new TypeError(`no access with ${JSON.stringify(event.headers)}`);
  },
  slow: () => wait(60_000),
  crash: () => process.exit(7),
  hostile: (event) => answer(event, true, hostile),
  huge: (event) => answer(event, true, { tenant: 'x'.repeat(100_000) }),
  large: (event) => answer(event, true, { tenant: 'x'.repeat(8_100) }),
  everything: (event) => {
    const all = answer(event, true, {});
    if (all.policyDocument) all.policyDocument.Statement[0].Resource = '*';
    return all;
  },
  other: (event) => {
    const other = answer(event, event.version !== '2.0', {});
    if (other.policyDocument) other.policyDocument.Statement[0].Resource = `${event.methodArn}/other`;
    else other.isAuthorized = false;
    return other;
  },
  null: () => null,
  text: () => 'Allow',
  list: (event) => [answer(event, true, {})],
  types: (event) => ({ ...answer(event, true, {}), isAuthorized: 'true', principalId: 7 }),
  context: (event) => answer(event, true, 'tenant'),
  print: (event) => {
    console.log(`event ${JSON.stringify(event)}`);
    return answer(event, true, {});
  },
};

export const handler = async (event) => ways[asked(event)](event);
