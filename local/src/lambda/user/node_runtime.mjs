// The runtime of a user's function in Node. Its arguments are the module and the name of the handler. As Lambda's own runtime it
// takes a handler that returns a promise or a value, and one that calls its third argument; and it reports an error with the type
// and the message of its own.

import { Agent, request } from 'node:http';
import { pathToFileURL } from 'node:url';

// It ends when the program has ended that started it.
process.stdin.on('end', () => process.exit()).resume();

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new Agent({ keepAlive: true });

const ask = (method, path, body) =>
  new Promise((resolve, reject) => {
    const asked = request({ host, port, agent, method, path: `/2018-06-01/runtime/${path}` }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ headers: answer.headers, text: Buffer.concat(chunks).toString() });
    });
    asked.on('error', reject);
    asked.end(body);
  });

/** What was logged before is written by then. */
const tell = async (path, body) => {
  await new Promise((resolve) => process.stdout.write('', resolve));
  await ask('POST', path, body);
};
const thrown = (error) =>
  error instanceof Error
    ? { errorType: error.name, errorMessage: error.message }
    : { errorType: typeof error, errorMessage: String(error) };

const [, module, name] = process.argv;
if (Number(process.versions.node.split('.')[0]) < 20) {
  const error = { errorType: 'OldNode', errorMessage: `\`node\` is ${process.version}` };
  await tell('init/error', JSON.stringify(error));
  process.exit(1);
}
let handler;
try {
  const loaded = await import(pathToFileURL(module));
  // The exports of a CommonJS module are found there too if Node does not find their names.
  handler = loaded[name] ?? loaded.default?.[name];
  if (typeof handler !== 'function') throw new Error(`${module} does not export a function ${name}`);
} catch (error) {
  const { errorType, errorMessage } = thrown(error);
  await tell('init/error', JSON.stringify({ errorType, errorMessage: `${errorType}: ${errorMessage}` }));
  process.exit(1);
}

const handle = (event, context) =>
  new Promise((resolve, reject) => {
    const callback = (error, answer) => (error === null || error === undefined ? resolve(answer) : reject(error));
    Object.assign(context, { succeed: resolve, fail: reject, done: callback });
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
  });

for (;;) {
  const { headers, text } = await ask('GET', 'invocation/next');
  const id = headers['lambda-runtime-aws-request-id'];
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const context = {
    awsRequestId: id,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  let kind = 'response';
  let answer;
  try {
    answer = JSON.stringify((await handle(JSON.parse(text), context)) ?? null);
  } catch (error) {
    kind = 'error';
    console.error(error);
    answer = JSON.stringify(thrown(error));
  }
  await tell(`invocation/${id}/${kind}`, answer);
}
