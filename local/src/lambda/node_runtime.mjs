// The runtime of a function in Node: it asks the Lambda Runtime API for events, one after the other, and answers each with what
// the handler of its module makes of it. Its argument is the module.

import { Agent, request } from 'node:http';
import { pathToFileURL } from 'node:url';

// It ends when the program has gone that started it: its next question would not be answered either.
process.stdin.on('end', () => process.exit()).resume();

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new Agent({ keepAlive: true });

/** No limit of time: who asks for an event waits until there is one. */
const ask = (method, path, body) =>
  new Promise((resolve, reject) => {
    const asked = request({ host, port, agent, method, path: `/2018-06-01/runtime/${path}` }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ id: answer.headers['lambda-runtime-aws-request-id'], text: Buffer.concat(chunks).toString() });
    });
    asked.on('error', reject);
    asked.end(body);
  });

/** What was logged before is written by then. */
const tell = async (path, body) => {
  await new Promise((resolve) => process.stdout.write('', resolve));
  await ask('POST', path, body);
};
const thrown = (error) => JSON.stringify({ errorType: error?.name ?? 'Error', errorMessage: String(error) });

if (Number(process.versions.node.split('.')[0]) < 20) {
  await tell('init/error', JSON.stringify({ errorType: 'OldNode', errorMessage: `\`node\` is ${process.version}` }));
  process.exit(1);
}
let handler;
try {
  ({ handler } = await import(pathToFileURL(process.argv[1])));
  if (typeof handler !== 'function') throw new Error('the module has no handler');
} catch (error) {
  await tell('init/error', thrown(error));
  process.exit(1);
}

for (;;) {
  const { id, text } = await ask('GET', 'invocation/next');
  let kind = 'response';
  let answer;
  try {
    answer = JSON.stringify(await handler(JSON.parse(text)));
  } catch (error) {
    kind = 'error';
    answer = thrown(error);
  }
  await tell(`invocation/${id}/${kind}`, answer);
}
